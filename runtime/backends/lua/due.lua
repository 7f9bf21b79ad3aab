-- KEYS meta workers queue   ARGV n limit
-- Names of workers that `watch` should look at, those that may be called again first. Writes nothing.
if not is_run(KEYS[1]) then return '' end
local now, n, limit = clock(), tonumber(ARGV[1]), tonumber(ARGV[2])
local first, then_, waiting, living = {}, {}, {}, false
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  if string.sub(all[i + 1], 1, 1) ~= IDLE then
    local record = load_record(all[i + 1])
    if record.due > now then
      living = living or record.state == RUNNING
    elseif record.state ~= CALLED then
      first[#first + 1] = all[i]
    else
      waiting[#waiting + 1] = {all[i], record}
    end
  end
end
local queue = redis.call('HMGET', KEYS[3], 'newest', 'lastbegin')
for _, pair in ipairs(waiting) do
  local list = may_repeat(pair[2], queue, living, now, limit) and first or then_
  list[#list + 1] = pair[1]
end
for i = 1, math.min(#then_, n) do first[#first + 1] = then_[i] end
return (living and '1' or '0') .. '\n' .. table.concat(first, '\n', 1, math.min(#first, 2 * n))
