-- KEYS meta workers events   ARGV worker token reason life
-- The end of a run by one of its workers. Only who holds the worker may say it: a zombie fails no healthy run.
-- They are its last words, so nobody waits for what else it may hold.
if not is_run(KEYS[1]) then return 0 end
local record = load_record(redis.call('HGET', KEYS[2], ARGV[1]))
if not record or record.state == IDLE or record.token ~= ARGV[2] then return 0 end
end_run(KEYS[1], KEYS[2], 'failed', ARGV[3])
event(KEYS[3], ARGV[4], 'ended', cjson.encode({how = 'failed', reason = ARGV[3]}))
event(KEYS[3], ARGV[4], 'left', cjson.encode({worker = ARGV[1], handover = false}))
return 1
