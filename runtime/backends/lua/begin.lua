-- KEYS meta workers queue todo done_of att events   ARGV worker token call_time lease life max_tries
-- Returns {status now tries, todo, done, attempts}. The same token again before its first commit is a lost reply.
local now = clock()
local worker, token = ARGV[1], ARGV[2]
local function answer(status) return {status .. ' ' .. int(now) .. ' 0', '', '', ''} end

if not is_run(KEYS[1]) or redis.call('EXISTS', KEYS[2]) == 0 then return answer('ended') end
local record = load_record(redis.call('HGET', KEYS[2], worker))
if not record or record.state == IDLE or (record.state == ASLEEP and record.due > now) then return answer('nothing') end
local again = record.state == RUNNING and record.token == token and record.seq == 0
if not again then
  if redis.call('HLEN', KEYS[4]) == 0 then return answer('nothing') end
  if record.state == RUNNING and record.due > now then return answer('busy') end
  if record.tries >= tonumber(ARGV[6]) then
    local tasks = redis.call('HKEYS', KEYS[4])
    table.sort(tasks)
    local shown = table.concat(tasks, ', ', 1, math.min(#tasks, 5))
    if #tasks > 5 then shown = shown .. ' and ' .. (#tasks - 5) .. ' more' end
    local reason = 'worker ' .. worker .. ' began ' .. int(record.tries)
      .. ' times without storing a new output; it holds: ' .. shown
    end_run(KEYS[1], KEYS[2], 'failed', reason)
    event(KEYS[7], ARGV[5], 'failed', cjson.encode({worker = worker, reason = reason}))
    return answer('ended')
  end
  if record.state == CALLED then redis.call('HINCRBY', KEYS[3], 'called', -1) end
  record.tries, record.k, record.seq = record.tries + 1, 0, 0
  record.state, record.token, record.confirmed = RUNNING, token, 0
  local called_at = tonumber(ARGV[3])
  local newest = tonumber(redis.call('HGET', KEYS[3], 'newest') or 0)
  redis.call('HSET', KEYS[3], 'newest', int(math.max(called_at, newest)), 'lastbegin', int(now))
  event(KEYS[7], ARGV[5], 'begun', cjson.encode({worker = worker, token = token, tries = record.tries}))
end
record.due = now + ARGV[4]
save_record(KEYS[2], worker, record)
return {
  'go ' .. int(now) .. ' ' .. int(record.tries),
  table.concat(redis.call('HGETALL', KEYS[4]), '\n'),
  table.concat(redis.call('SMEMBERS', KEYS[5]), '\n'),
  table.concat(redis.call('HGETALL', KEYS[6]), '\n'),
}
