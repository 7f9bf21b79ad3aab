-- KEYS workers   ARGV worker called_at
local record = load_record(redis.call('HGET', KEYS[1], ARGV[1]))
if record and record.state == CALLED and record.called_at == tonumber(ARGV[2]) then
  record.confirmed = 1
  save_record(KEYS[1], ARGV[1], record)
end
return 1
