-- KEYS out   ARGV a slot…
-- For each slot: '' inline, or the key of a large value; only short fields are looked into.
local answer = {}
for i, slot in ipairs(ARGV) do
  answer[i] = ''
  if redis.call('HSTRLEN', KEYS[1], slot) < 4096 then
    local value = redis.call('HGET', KEYS[1], slot)
    if value and string.sub(value, 1, 1) == 'r' then answer[i] = string.sub(value, 2) end
  end
end
return answer
