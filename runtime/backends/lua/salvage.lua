-- KEYS meta out events   ARGV worker last life, then slot, value, …
-- The last words of a worker whose run has failed: values that it holds, for a resume. First writer wins, and nothing
-- arrives anywhere: a resume computes that anew. Returns the slots that were taken, nil when the run has not failed.
if redis.call('HGET', KEYS[1], 'state') ~= 'failed' then return nil end
local taken = {}
for i = 4, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then taken[#taken + 1] = ARGV[i] end
end
if #taken > 0 then redis.call('EXPIRE', KEYS[2], ARGV[3]) end
if ARGV[2] == '1' then event(KEYS[3], ARGV[3], 'left', cjson.encode({worker = ARGV[1], handover = false})) end
return taken
