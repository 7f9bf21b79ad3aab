-- KEYS head log   ARGV version next_version how_many document…, the last one first
-- Put documents in place of the first `how_many`, if nobody else has done so since `version` was read.
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
redis.call('LTRIM', KEYS[2], ARGV[3], -1)
for at = 4, #ARGV do redis.call('LPUSH', KEYS[2], ARGV[at]) end
redis.call('HSET', KEYS[1], 'version', ARGV[2])
return 1
