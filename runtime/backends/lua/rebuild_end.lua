-- KEYS meta workers queue spans   ARGV nonce life limit is_launch rows([[worker, env, subdag, has_todo], …])
-- Returns {1, the called workers' lines}, or {0, ''} when another rebuild has begun since.
-- Sent again after a lost reply, it is answered from the records that it wrote.
local meta = redis.call('HMGET', KEYS[1], 'state', 'rebuild')
if meta[2] ~= ARGV[1] then return {0, ''} end
local rows, calls = cjson.decode(ARGV[5]), {}
if meta[1] == 'run' then
  for _, row in ipairs(rows) do
    local record = load_record(redis.call('HGET', KEYS[2], row[1]))
    if record and record.state == CALLED then calls[#calls + 1] = call_line(row[1], record, {}) end
  end
  return {1, table.concat(calls, '\0')}
end
if meta[1] ~= 'building' then return {1, ''} end
local now = clock()
for _, row in ipairs(rows) do
  local record = new_record(row[2], row[3])
  if row[4] == 1 then
    record.state, record.due, record.called_at = CALLED, now + ARGV[3], now
    calls[#calls + 1] = call_line(row[1], record, {})
  end
  save_record(KEYS[2], row[1], record)
end
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[3], 'called', #calls, 'newest', 0, 'lastbegin', 0)
redis.call('HSET', KEYS[1], 'state', 'run')
-- Workers add to the list of spans only while it is there.
if ARGV[4] == '1' or redis.call('EXISTS', KEYS[4]) == 0 then
  redis.call('RPUSH', KEYS[4], '{"invoked":' .. int(now) .. '}')
end
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[2]) end
return {1, table.concat(calls, '\0')}
