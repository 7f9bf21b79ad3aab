-- KEYS meta workers errors att out done queue events need tried   ARGV nonce life, then what was seen: state nonce
-- Fences everyone. Returns 1 when anything of an earlier life of this run is there, so that its sets are to be cleared,
-- -1 when the run is not what the caller saw: somebody has rebuilt, ended or cleaned it since, and nothing is done.
if ARGV[3] then
  local meta = redis.call('HMGET', KEYS[1], 'state', 'rebuild')
  if (meta[1] or '') ~= ARGV[3] or (meta[2] or '') ~= ARGV[4] then return -1 end
end
local earlier = redis.call('EXISTS', unpack(KEYS))
redis.call('DEL', KEYS[2])
-- A run that failed and is launched again tries its failed tasks afresh.
for _, task in ipairs(redis.call('HKEYS', KEYS[3])) do
  local newest = tried(redis.call('HGET', KEYS[4], task))
  for number = math.max(1, newest - ATTEMPTS_KEPT), newest do redis.call('HDEL', KEYS[10], number .. ' ' .. task) end
  redis.call('HDEL', KEYS[4], task)
end
redis.call('UNLINK', KEYS[3], KEYS[6], KEYS[9])
redis.call('HSET', KEYS[1], 'state', 'building', 'reason', '', 'rebuild', ARGV[1], 'since', int(clock()))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return earlier > 0 and 1 or 0
