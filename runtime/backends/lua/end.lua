-- KEYS meta workers events   ARGV how reason life
-- The first end stands. A run whose `meta` is gone gets none: an end after cleaning would leave a key behind.
local state = redis.call('HGET', KEYS[1], 'state')
redis.call('DEL', KEYS[2])
if not state or state == 'failed' or state == 'cancelled' then return 0 end
end_run(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
event(KEYS[3], ARGV[3], 'ended', cjson.encode({how = ARGV[1], reason = ARGV[2]}))
return 1
