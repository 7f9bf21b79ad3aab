-- KEYS head log marks   ARGV mark seen workflow functions document kept_marks token
-- Add a document to a graph's history unless its mark was counted. Returns how many there are then, 0 if it was.
if redis.call('ZSCORE', KEYS[3], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -(tonumber(ARGV[6]) + 1))
redis.call('HSETNX', KEYS[1], 'version', ARGV[7])
if (tonumber(redis.call('HGET', KEYS[1], 'seen') or '') or -1) <= tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'seen', ARGV[2], 'workflow', ARGV[3])
end
if #(redis.call('HGET', KEYS[1], 'functions') or '') <= #ARGV[4] then
  redis.call('HSET', KEYS[1], 'functions', ARGV[4])
end
return redis.call('RPUSH', KEYS[2], ARGV[5])
