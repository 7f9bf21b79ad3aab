-- KEYS meta workers queue, then todo of each worker   ARGV n limit living worker…
-- Rule 8 for the workers named, each looked at afresh. The token is kept: whoever held it goes on if nobody has begun.
if not is_run(KEYS[1]) then return '' end
local now, n, limit = clock(), tonumber(ARGV[1]), tonumber(ARGV[2])
local queue = redis.call('HMGET', KEYS[3], 'newest', 'lastbegin')
local calls, called = {}, 0
for i = 4, #ARGV do
  local record = load_record(redis.call('HGET', KEYS[2], ARGV[i]))
  if record and record.state ~= IDLE and record.due <= now then
    if redis.call('HLEN', KEYS[i]) == 0 then
      if record.state == CALLED then called = called - 1 end
      record.state = IDLE
      save_record(KEYS[2], ARGV[i], record)
    elseif #calls < n and (record.state ~= CALLED or may_repeat(record, queue, ARGV[3] == '1', now, limit)) then
      if record.state ~= CALLED then
        called, record.k = called + 1, 0
      else
        record.k = math.min(record.k + 1, 2)
      end
      record.state, record.called_at, record.confirmed = CALLED, now, 0
      record.due = now + limit * 2 ^ record.k
      save_record(KEYS[2], ARGV[i], record)
      calls[#calls + 1] = call_line(ARGV[i], record, {})
    end
  end
end
if called ~= 0 then redis.call('HINCRBY', KEYS[3], 'called', called) end
return table.concat(calls, '\0')
