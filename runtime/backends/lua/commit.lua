-- KEYS meta workers queue out done done_of todo att errors events need tried, then those that the batch names
-- ARGV batch (JSON), then values
-- The event of a commit: {"worker": its name, "slots": newly stored, "tasks": newly settled, "now": microseconds}.
-- Returns {status now called left seq and the tasks that are queued, each in a line, calls, todo or nil, slot, winner, …}. Fenced or ended: nothing is written.
--
-- batch: worker token seq mode take known env lease limit life hint,
--   dests: [[worker, todo key, hint key, env, subdag, flexible]…]   gates: [[name, places]…]
--   items: ["store", task, slot, value, last, groups, joins, reach key]
--            groups: [[dest, need, page, first key, count, gate] or [dest, 1, page, consumers, 0, gate]…]
--            joins: [[dest, need, page, key, gate]…]      (gate: an index, 0 for none)
--          ["settle", tasks]  ["release", task, gate]
--          ["attempt", task, n, error or 0, delay, gate]  ["withdraw", task, n]
--          ["called", worker, at]  ["error", task, record, slot or null]
--          ["recovered", task, slot]
-- Where a number stands for a key or a value it is an index into KEYS or ARGV, 0 for none. A group is a run of
-- consumers whose arrival sets are consecutive KEYS, their names being the ends of those keys; those that need one
-- slot alone are named, and have no set of their own.
local META, WORKERS, QUEUE, OUT, DONE, DONE_OF, TODO, ATT, ERRORS, EVENTS, NEED, TRIED = unpack(KEYS, 1, 12)
local batch = cjson.decode(ARGV[1])
local W, now, life = batch.worker, clock(), batch.life
local PREFIX = string.sub(META, 1, -5)
local ARRIVED = PREFIX .. 'arr:'

local function refuse(status) return {status .. ' ' .. int(now) .. ' 0 0 0', '', ''} end

if not is_run(META) then return refuse('ended') end
local me = load_record(redis.call('HGET', WORKERS, W))
if not me then
  return refuse(redis.call('EXISTS', WORKERS) == 0 and 'ended' or 'fenced')
end
if me.state == IDLE or me.token ~= batch.token then return refuse('fenced') end
local resent = batch.seq > 0 and batch.seq == me.seq
if batch.seq >= 0 and batch.seq ~= me.seq + 1 and not resent then return refuse('fenced') end

local records, changed, touched = {[W] = me}, {}, {}
local calls, granted, hints, hint_order = {}, {}, {}, {}
local stored, settled, failures, winners, own = {}, {}, {}, {}, {}
local take, called, progress = batch.take, 0, false
local gates, is_met, queued = {}, {}, ''

local function record_of(name)
  if records[name] == nil then records[name] = load_record(redis.call('HGET', WORKERS, name)) or false end
  return records[name]
end

local function is_live(record) return record and record.state == RUNNING and record.due > now end

-- A slot without a value in a hint lies in the store: it is large, or there was no room left.
local function hint(dest, slot, value)
  local entry = hints[dest]
  if not entry then
    entry = {fields = {'', ''}, seen = {}, room = batch.hint}
    hints[dest] = entry
    hint_order[#hint_order + 1] = dest
  end
  if not slot or entry.seen[slot] then return end
  local is_inside = value and #value <= entry.room
  entry.seen[slot] = true
  if is_inside then entry.room = entry.room - #value end
  entry.fields[#entry.fields + 1] = slot
  entry.fields[#entry.fields + 1] = is_inside and value or ''
end

-- The keys of a destination are declared, or made here for one that a gate let in.
local function key_of(key) return type(key) == 'string' and key or KEYS[key] end

-- Idle, absent or expired: the worker is called, and the committer invokes it.
local function call(dest, consumers)
  local name = dest[1]
  local record = record_of(name) or new_record(dest[4], dest[5])
  records[name] = record
  if record.state == CALLED then
    local start = granted[name]
    if start then
      for _, consumer in ipairs(consumers) do start[#start + 1] = consumer end
    end
    return
  end
  called = called + 1
  record.state, record.due, record.k = CALLED, now + batch.limit, 0
  record.called_at, record.confirmed = now, 0
  changed[name] = true
  calls[#calls + 1] = name
  granted[name] = consumers
end

local function add_grants(todo, consumers, page)
  local pairs_ = {}
  local text = int(page)
  for i, consumer in ipairs(consumers) do
    pairs_[2 * i - 1], pairs_[2 * i] = consumer, text
  end
  if #consumers > 16 then hset_as_table(todo, pairs_) else in_chunks('HSET', todo, pairs_) end
  touched[todo] = true
end

local function grant_to_other(consumers, dest, page, slot, value)
  add_grants(key_of(dest[2]), consumers, page)
  if is_live(record_of(dest[1])) then hint(dest, slot, value) else call(dest, consumers) end
end

-- Somebody came to this gate, or went: it is looked at when all of the batch has been.
local function meet(gate)
  if not is_met[gate[1]] then gates[#gates + 1] = gate end
  is_met[gate[1]] = true
end

-- Complete, and of a family with a gate: it stands in line.
local function stand(consumers, dest, page, gate)
  meet(gate)
  local line = dest[6] == 1 and '~' .. dest[4] or dest[1]
  for _, consumer in ipairs(consumers) do
    stand_in_line(PREFIX, gate, line, consumer .. '\n' .. int(page) .. '\n' .. dest[4],
      redis.call('HINCRBY', QUEUE, 'line', 1))
  end
  touched[PREFIX .. 'wait:' .. gate[1] .. ':' .. line] = true
end

-- The first `take` flexible ones stay with the caller, if its environment is theirs.
local function grant(consumers, dest, page, gate, slot, value)
  local due = without_members(DONE, consumers)
  if gate > 0 then return stand(due, dest, page, batch.gates[gate]) end
  local own = 0
  if dest[1] == W then
    own = #due
  elseif dest[6] == 1 and dest[4] == batch.env then
    own = math.min(math.max(take, 0), #due)
    take = take - own
  end
  if own == #due then
    if own > 0 then add_grants(TODO, due, page) end
    return
  end
  if own > 0 then
    local mine, theirs = {}, {}
    for i, consumer in ipairs(due) do
      if i <= own then mine[i] = consumer else theirs[i - own] = consumer end
    end
    add_grants(TODO, mine, page)
    due = theirs
  end
  grant_to_other(due, dest, page, slot, value)
end

-- Only a new arrival counts; that of an edge whose pinned worker runs already is a hint to it.
local function arrive(key, slot, dest, need, page, gate, value)
  if redis.call('SADD', key, slot) == 0 then return end
  redis.call('EXPIRE', key, life)
  local consumer = string.sub(key, #ARRIVED + 1)
  if need == 0 then need = tonumber(redis.call('HGET', NEED, consumer)) end
  if need and redis.call('SCARD', key) == need then
    grant({consumer}, dest, page, gate, slot, value)
  elseif dest[6] == 0 and dest[1] ~= W and is_live(record_of(dest[1])) then
    hint(dest, slot, value)
  end
end

-- Consumers that need this slot alone share one set, `reach:<slot>`, in place of a set each.
local function arrive_alone(key, slot, dest, page, gate, consumers, value)
  local new = without_members(key, consumers)
  if #new == 0 then return end
  in_chunks('SADD', key, new)
  touched[key] = true
  grant(new, dest, page, gate, slot, value)
end

-- A fan-in whose width is known only now: what arrived before this is counted here.
local function fix_width(join, slot, value)
  local consumer = string.sub(KEYS[join[4]], #ARRIVED + 1)
  if redis.call('HSETNX', NEED, consumer, join[2]) == 0 then return end
  touched[NEED] = true
  if redis.call('SCARD', KEYS[join[4]]) == join[2] then
    grant({consumer}, batch.dests[join[1]], join[3], join[5], slot, value)
  end
end

local function settle(task)
  settled[#settled + 1] = redis.call('SADD', DONE, task) == 1 and cjson.encode(task) or nil
  redis.call('SADD', DONE_OF, '=' .. task)
  redis.call('HDEL', TODO, task)
  touched[DONE], touched[DONE_OF] = true, true
end

local function settle_all(text)
  local tasks, own = cjson.decode(text), {}
  if in_chunks('SADD', DONE, tasks) > 0 then settled[#settled + 1] = string.sub(text, 2, -2) end
  for i, task in ipairs(tasks) do own[i] = '=' .. task end
  in_chunks('SADD', DONE_OF, own)
  in_chunks('HDEL', TODO, tasks)
  touched[DONE], touched[DONE_OF] = true, true
end

-- First writer wins. False when the slot was believed to be stored and is not: the store forgot it.
local function put(slot, value)
  local there = redis.call('HGET', OUT, slot)
  own[slot] = value and (not there or there == value)
  if there then
    if value and value ~= there then
      winners[#winners + 1] = slot
      winners[#winners + 1] = there
    end
    return there
  end
  if not value then return false end
  if #stored == 0 and redis.call('EXISTS', OUT) == 0 then
    hset_as_table(OUT, {slot, value})
  else
    redis.call('HSET', OUT, slot, value)
  end
  touched[OUT], progress = true, true
  stored[#stored + 1] = slot
  return value
end

local function store(item)
  local task, slot, last = item[2], item[3], item[5] == 1
  local value = put(slot, item[4] > 0 and ARGV[item[4]])
  if not value then return end
  local inline = string.sub(value, 1, 1) == 'v' and string.sub(value, 2) or nil
  for _, join in ipairs(item[7]) do fix_width(join, slot, inline) end
  for _, group in ipairs(item[6]) do
    local dest, need, page = batch.dests[group[1]], group[2], group[3]
    if need == 1 then
      arrive_alone(KEYS[item[8]], slot, dest, page, group[6], group[4], inline)
    else
      for i = group[4], group[4] + group[5] - 1 do arrive(KEYS[i], slot, dest, need, page, group[6], inline) end
    end
  end
  if last then
    settle(task)
  else
    redis.call('SADD', DONE_OF, '+' .. slot)
    touched[DONE_OF] = true
  end
end

-- A failure is let pass: its record belongs to the value that this commit brought for its output.
local function pass(task, record, slot)
  if slot ~= '' and not own[slot] then return end
  redis.call('HSET', ERRORS, task, ARGV[record])
  touched[ERRORS] = true
end

-- A place is given back by a settled task: one that the store forgot holds it still.
local function release(task, gate)
  if redis.call('SISMEMBER', DONE, task) == 1 then redis.call('HDEL', PREFIX .. 'gate:' .. gate[1], task) end
  meet(gate)
end

local function grant_place(task, worker, page, env, flexible)
  if worker == W then return add_grants(TODO, {task}, page) end
  local dest = {worker, PREFIX .. 'todo:' .. worker, PREFIX .. 'hint:' .. worker, env, '', flexible and 1 or 0}
  if flexible then dest[5] = 'page:' .. int(page) end
  grant_to_other({task}, dest, page)
end

-- Whether an attempt that is announced has a place, or takes a free one; else the task stands in line, granted no more.
local function has_place(task, gate)
  local held = PREFIX .. 'gate:' .. gate[1]
  if redis.call('HEXISTS', held, task) == 1 then return true end
  meet(gate)
  if redis.call('HLEN', held) < gate[2] and redis.call('EXISTS', PREFIX .. 'line:' .. gate[1]) == 0 then
    redis.call('HSET', held, task, W)
    return true
  end
  local page = redis.call('HGET', TODO, task)
  if page then
    stand({task}, {W, 0, 0, batch.env, '', string.sub(W, 1, 1) == '~' and 1 or 0}, tonumber(page), gate)
    redis.call('HDEL', TODO, task)
  end
  queued = queued .. '\n' .. task
  return false
end

-- An attempt is announced, or ended by a failure; what is known of a newer one, or of its end, stays.
local function attempt(task, number, error, delay, gate)
  if gate and error == 0 and not has_place(task, gate) then return end
  local newest, due = tried(redis.call('HGET', ATT, task))
  if newest > number or (newest == number and (due ~= -1 or error == 0)) then return end
  if error == 0 then
    redis.call('HSET', ATT, task, number .. ' -1')
  else
    redis.call('HSET', ATT, task, number .. ' ' .. int(delay > 0 and now + delay or 0))
    if gate then
      redis.call('HDEL', PREFIX .. 'gate:' .. gate[1], task)
      meet(gate)
    end
    redis.call('HSET', TRIED, number .. ' ' .. task, ARGV[error])
    redis.call('HDEL', TRIED, (number - ATTEMPTS_KEPT) .. ' ' .. task)
    touched[TRIED] = true
    -- Its number grew, and `retry` bounds it: that is progress too, but who was cautious is cautious still.
    me.tries = me.tries > 1 and 2 or 0
  end
  touched[ATT] = true
end

-- An attempt that was announced did not begin, and that is the newest there is to say.
local function withdraw(task, number)
  local newest, due = tried(redis.call('HGET', ATT, task))
  if newest ~= number or due ~= -1 then return end
  if number == 1 then redis.call('HDEL', ATT, task) else redis.call('HSET', ATT, task, (number - 1) .. ' 0') end
end

-- When the first of this worker's grants is due; nothing when one need not wait.
local function wake_time()
  if redis.call('EXISTS', ATT) == 0 then return nil end
  local tasks, first = redis.call('HKEYS', TODO), nil
  for from = 1, #tasks, 1000 do
    for _, value in ipairs(redis.call('HMGET', ATT, unpack(tasks, from, math.min(from + 999, #tasks)))) do
      local _, due = tried(value)
      if due <= now then return nil end
      if not first or due < first then first = due end
    end
  end
  return first
end

local function confirm(name, at)
  local record = record_of(name)
  if record and record.state == CALLED and record.called_at == at then
    record.confirmed = 1
    changed[name] = true
  end
end

for _, item in ipairs(batch.items) do
  local kind = item[1]
  if kind == 'store' then store(item)
  elseif kind == 'settle' then settle_all(ARGV[item[2]])
  elseif kind == 'release' then release(item[2], batch.gates[item[3]])
  elseif kind == 'attempt' then attempt(item[2], item[3], item[4], item[5], batch.gates[item[6]])
  elseif kind == 'withdraw' then withdraw(item[2], item[3])
  elseif kind == 'called' then confirm(item[2], item[3])
  elseif kind == 'recovered' then
    if own[item[3]] then redis.call('HDEL', ERRORS, item[2]) end
  elseif type(item[4]) == 'string' then pass(item[2], item[3], item[4])
  else failures[#failures + 1] = item end
end

for _, gate in ipairs(gates) do
  let_in(PREFIX, gate, W, batch.env, grant_place)
  touched[PREFIX .. 'gate:' .. gate[1]], touched[PREFIX .. 'line:' .. gate[1]] = true, true
end

if #stored > 0 or #settled > 0 then
  event(EVENTS, nil, #stored > 0 and 'stored' or 'settled', '{"worker":' .. cjson.encode(W)
    .. ',"slots":' .. (#stored > 0 and cjson.encode(stored) or '[]')
    .. ',"tasks":[' .. table.concat(settled, ',') .. '],"now":' .. int(now) .. '}')
end
for _, dest in ipairs(hint_order) do
  local key = key_of(dest[3])
  for first = 1, #hints[dest].fields, 1000 do
    redis.call('XADD', key, 'MAXLEN', '~', 1000, '*',
      unpack(hints[dest].fields, first, math.min(first + 999, #hints[dest].fields)))
  end
  touched[key] = true
end
for key in pairs(touched) do redis.call('EXPIRE', key, life) end

if #failures > 0 then
  for _, item in ipairs(failures) do
    redis.call('HSET', ERRORS, item[2], ARGV[item[3]])
    event(EVENTS, life, 'failed', ARGV[item[3]])
  end
  redis.call('EXPIRE', ERRORS, life)
  end_run(META, WORKERS, 'failed', 'task ' .. failures[1][2] .. ' failed')
  return refuse('ended')
end

if me.state == CALLED then called = called - 1 end
me.state, me.due = RUNNING, now + batch.lease
if batch.seq >= 0 then me.seq = batch.seq end
if progress then me.tries = 0 end
local left = 0
if batch.mode ~= 'none' then
  local holds = redis.call('HLEN', TODO) > 0
  local wake = holds and wake_time()
  if not holds then
    me.state, me.token, left = IDLE, '', 1
  elseif wake then
    -- No process was lost: the next begin is as cautious as this one was, and not more.
    me.state, me.token, me.due, me.tries, left = ASLEEP, '', wake, me.tries > 1 and 1 or 0, 1
  elseif batch.mode == 'handover' then
    me.state, me.token, me.k, me.called_at, me.confirmed, left = CALLED, '', 0, now, 0, 1
    me.due, called = now + batch.limit, called + 1
    calls[#calls + 1], granted[W] = W, {}
  end
  if left == 1 then event(EVENTS, life, 'left', cjson.encode({worker = W, handover = holds})) end
end
changed[W] = true
for name in pairs(changed) do save_record(WORKERS, name, records[name]) end

-- A batch sent again grants nothing anew; the calls that its lost answer asked for are asked for again.
local function call_again(name)
  local record = record_of(name)
  if record and record.state == CALLED and record.confirmed == 0 and not granted[name] and name ~= W then
    calls[#calls + 1], granted[name] = name, {}
  end
end
if resent then
  for _, dest in ipairs(batch.dests) do call_again(dest[1]) end
  for _, gate in ipairs(batch.gates) do
    for _, holder in ipairs(redis.call('HVALS', PREFIX .. 'gate:' .. gate[1])) do call_again(holder) end
  end
end
local count = called ~= 0 and redis.call('HINCRBY', QUEUE, 'called', called)
  or tonumber(redis.call('HGET', QUEUE, 'called') or 0)
local lines = {}
for i, name in ipairs(calls) do lines[i] = call_line(name, records[name], granted[name]) end
local todo = false
if redis.call('HLEN', TODO) ~= batch.known then todo = table.concat(redis.call('HGETALL', TODO), '\n') end
return {'ok ' .. int(now) .. ' ' .. int(count) .. ' ' .. left .. ' ' .. int(me.seq) .. queued, table.concat(lines, '\0'), todo, unpack(winners)}
