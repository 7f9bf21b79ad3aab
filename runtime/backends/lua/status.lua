-- KEYS meta out done errors
local meta = redis.call('HMGET', KEYS[1], 'state', 'reason')
return {meta[1] or '', meta[2] or '', redis.call('HLEN', KEYS[2]), redis.call('SCARD', KEYS[3]),
        redis.call('HGETALL', KEYS[4])}
