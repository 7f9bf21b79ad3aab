-- Shared by every script: it is put in front of each one when it is loaded.
-- A worker's record in the hash `workers` is one byte of state and the packed rest, so that a look over all
-- workers skips the idle ones without unpacking them. Times are whole microseconds of Redis's own clock.

-- Asleep: it left grants that all wait for their next attempt, and is called when the first of them is due.
local IDLE, CALLED, RUNNING, ASLEEP = 'i', 'c', 'r', 's'

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local function load_record(raw)
  if not raw then return nil end
  local record = cmsgpack.unpack(string.sub(raw, 2))
  record.state = string.sub(raw, 1, 1)
  return record
end

local function save_record(key, worker, record)
  local state = record.state
  record.state = nil
  redis.call('HSET', key, worker, state .. cmsgpack.pack(record))
  record.state = state
end

local function new_record(env, subdag)
  return {state = IDLE, token = '', due = 0, tries = 0, k = 0, seq = 0, called_at = 0, confirmed = 0,
          env = env, subdag = subdag}
end

-- Answers are one line of numbers and lists joined by newlines (no name holds a control character):
-- the client's parser pays for each element of a reply, not for its bytes.
local function int(n)
  return string.format('%.0f', n)
end

-- What is known of a task's newest attempt: its number, and the time before which the next may not begin (-1: no end).
local ATTEMPTS_KEPT = 20
local function tried(value)
  if not value then return 0, 0 end
  local number, due = string.match(value, '^(%d+) (-?%d+)$')
  return tonumber(number), tonumber(due)
end

local function is_run(meta)
  return redis.call('HGET', meta, 'state') == 'run'
end

local function call_line(worker, record, start)
  local line = worker .. '\n' .. record.env .. '\n' .. record.subdag .. '\n' .. int(record.called_at)
  if #start > 0 then line = line .. '\n' .. table.concat(start, '\n') end
  return line
end

-- Lua's unpack has a limit near 8,000 values, so long argument lists go in chunks.
local function in_chunks(command, key, list)
  local count = 0
  for first = 1, #list, 1000 do
    count = count + redis.call(command, key, unpack(list, first, math.min(first + 999, #list)))
  end
  return count
end

-- Redis keeps a hash of up to some hundred short fields as a list, searched from its start: quadratic for a fan-out.
-- A value longer than such a list may hold makes it a table, which it remains.
local function hset_as_table(key, list)
  redis.call('HSET', key, '', string.rep(' ', 65))
  in_chunks('HSET', key, list)
  redis.call('HDEL', key, '')
end

-- Which of `list` are members: a list of 0 and 1.
local function membership(key, list)
  if #list <= 1000 then return redis.call('SMISMEMBER', key, unpack(list)) end
  local flags = {}
  for first = 1, #list, 1000 do
    for _, flag in ipairs(redis.call('SMISMEMBER', key, unpack(list, first, math.min(first + 999, #list)))) do
      flags[#flags + 1] = flag
    end
  end
  return flags
end

local function without_members(key, list)
  local flags, rest = membership(key, list), {}
  for i, name in ipairs(list) do
    if flags[i] == 0 then rest[#rest + 1] = name end
  end
  return rest
end

-- The stream's expiry is set by `begin`, which comes before every commit; a script that may be the first gives `life`.
local function event(key, life, kind, data)
  redis.call('XADD', key, 'MAXLEN', '~', 10000, '*', 'kind', kind, 'data', data)
  if life then redis.call('EXPIRE', key, life) end
end

local function end_run(meta, workers, how, reason)
  redis.call('HSET', meta, 'state', how, 'reason', reason)
  redis.call('DEL', workers)
end

-- Whether the call of a worker that has not begun may be repeated without breeding duplicates in a throttled queue:
-- an unconfirmed one after its limit; a confirmed one only if a call that much younger has begun, or if nothing
-- began for long: 6 limits (a minute), 60 while any lease lives. `queue` is {newest call time that began, time of the last begin}.
local function may_repeat(record, queue, living, now, limit)
  local factor = 2 ^ math.min(record.k, 2)
  if record.confirmed == 0 then return now >= record.called_at + limit * factor end
  local newest, last = tonumber(queue[1] or 0), tonumber(queue[2] or 0)
  if newest >= record.called_at + limit * factor then return true end
  local quiet = now - math.max(last, record.called_at)
  return quiet >= limit * (living and 60 or 6 * factor)
end
