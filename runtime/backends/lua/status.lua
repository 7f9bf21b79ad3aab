-- KEYS meta out done errors att tried workers
-- Of the tasks in `errors` also their last attempts before: task, number, short record, …
local meta = redis.call('HMGET', KEYS[1], 'state', 'reason', 'rebuild', 'since')
local active = 0
for _, record in ipairs(redis.call('HVALS', KEYS[7])) do
  if string.sub(record, 1, 1) ~= IDLE then active = active + 1 end
end
local errors, earlier = redis.call('HGETALL', KEYS[4]), {}
for i = 1, #errors, 2 do
  local newest = tried(redis.call('HGET', KEYS[5], errors[i]))
  for number = math.max(1, newest - ATTEMPTS_KEPT), newest do
    local record = redis.call('HGET', KEYS[6], number .. ' ' .. errors[i])
    if record then
      earlier[#earlier + 1] = errors[i]
      earlier[#earlier + 1] = tostring(number)
      earlier[#earlier + 1] = record
    end
  end
end
return {meta[1] or '', meta[2] or '', redis.call('HLEN', KEYS[2]), redis.call('SCARD', KEYS[3]),
        errors, earlier, meta[3] or '', int(clock() - (meta[4] or 0)), active}
