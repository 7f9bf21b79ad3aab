-- KEYS meta done out need, then those that the part names   ARGV nonce life part
-- Absolute values, so that a part may be written twice. Returns 0 when another rebuild has begun since.
if redis.call('HGET', KEYS[1], 'state') ~= 'building' or redis.call('HGET', KEYS[1], 'rebuild') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'since', int(clock()))
local part = cjson.decode(ARGV[3])
local life = ARGV[2]

for _, entry in ipairs(part.arrived) do
  redis.call('DEL', KEYS[entry[1]])
  if #entry[2] > 0 then
    in_chunks('SADD', KEYS[entry[1]], entry[2])
    redis.call('EXPIRE', KEYS[entry[1]], life)
  end
end
for _, entry in ipairs(part.grants) do
  if entry[3] == 1 then redis.call('DEL', KEYS[entry[1]]) end
  if #entry[2] > 0 then
    hset_as_table(KEYS[entry[1]], entry[2])
    redis.call('EXPIRE', KEYS[entry[1]], life)
  end
end
for _, entry in ipairs(part.sets) do
  in_chunks('SADD', KEYS[entry[1]], entry[2])
  redis.call('EXPIRE', KEYS[entry[1]], life)
end
for _, entry in ipairs(part.hashes) do
  in_chunks('HSET', KEYS[entry[1]], entry[2])
  redis.call('EXPIRE', KEYS[entry[1]], life)
end
for _, entry in ipairs(part.zsets) do
  in_chunks('ZADD', KEYS[entry[1]], entry[2])
  redis.call('EXPIRE', KEYS[entry[1]], life)
end
if #part.dangling > 0 then in_chunks('HDEL', KEYS[3], part.dangling) end
if #part.widths > 0 then
  in_chunks('HSET', KEYS[4], part.widths)
  redis.call('EXPIRE', KEYS[4], life)
end
return 1
