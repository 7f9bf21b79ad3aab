-- KEYS meta out done errors att tried
-- Of the tasks in `errors` also their last attempts before: task, number, short record, …
local meta = redis.call('HMGET', KEYS[1], 'state', 'reason')
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
        errors, earlier}
