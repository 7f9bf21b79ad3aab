-- KEYS meta workers errors att out done queue events need tried   ARGV nonce life, then what was seen: state nonce
-- Fences everyone. Returns 1 when anything of an earlier life of this run is there, so that its sets are to be cleared,
-- -1 when the run is not what the caller saw: somebody has rebuilt, ended or cleaned it since, and nothing is done.
-- Sent again after a lost reply it finds its own nonce, and does the same again.
if ARGV[3] then
  local meta = redis.call('HMGET', KEYS[1], 'state', 'rebuild')
  local is_again = meta[2] == ARGV[1]
  if not is_again and ((meta[1] or '') ~= ARGV[3] or (meta[2] or '') ~= ARGV[4]) then return -1 end
end
local earlier = redis.call('EXISTS', unpack(KEYS))
redis.call('DEL', KEYS[2])
-- A run that failed and is launched again tries its failed tasks afresh; failures that were let pass stay as they are.
local records = redis.call('HGETALL', KEYS[3])
for i = 1, #records, 2 do
  local task, follows = records[i], cjson.decode(records[i + 1]).on_error
  if not follows or follows == 'fail' then
    local newest = tried(redis.call('HGET', KEYS[4], task))
    for number = math.max(1, newest - ATTEMPTS_KEPT), newest do redis.call('HDEL', KEYS[10], number .. ' ' .. task) end
    redis.call('HDEL', KEYS[4], task)
    redis.call('HDEL', KEYS[3], task)
  end
end
redis.call('UNLINK', KEYS[6], KEYS[9])
redis.call('HSET', KEYS[1], 'state', 'building', 'reason', '', 'rebuild', ARGV[1], 'since', int(clock()))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return earlier > 0 and 1 or 0
