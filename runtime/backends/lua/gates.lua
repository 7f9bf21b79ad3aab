-- The line before a gate: put in front of the scripts that let somebody in. A gate is {name, places}.
-- `gate:<name>` holds who has a place (task → worker). Who waits stands in `wait:<name>:<line>`, in the order in
-- which they became ready, and `line:<name>` has the lines by their first: one per pinned worker, and one per environment of flexible
-- tasks ("~" + env). Whom a release lets in is known only here, so these keys and the grants that follow are made from
-- the run's own prefix: they lie in its slot. memory_gates.py makes the same choices, and says why.

local function stand_in_line(prefix, gate, line, waiter, number)
  redis.call('ZADD', prefix .. 'wait:' .. gate[1] .. ':' .. line, int(number), waiter)
  redis.call('ZADD', prefix .. 'line:' .. gate[1], 'LT', int(number), line)
end

-- The line whose first is let in: the caller's own, then one whose worker holds no place, then any.
local function next_line(lines, busy, own)
  for _, line in ipairs(lines) do
    if line == own then return line end
  end
  for _, line in ipairs(lines) do
    if not busy[line] then return line end
  end
  return lines[1]
end

-- Gives every free place away: `give(task, worker, page, env, is flexible)`. `caller` is a worker, "" for none.
local function let_in(prefix, gate, caller, caller_env, give)
  local held, order = prefix .. 'gate:' .. gate[1], prefix .. 'line:' .. gate[1]
  local goes_on = string.sub(caller, 1, 1) == '~'
  while redis.call('HLEN', held) < gate[2] do
    local lines = redis.call('ZRANGE', order, 0, -1)
    if #lines == 0 then return end
    local busy = {}
    for _, holder in ipairs(redis.call('HVALS', held)) do busy[holder] = true end
    local own = not busy[caller] and (goes_on and '~' .. caller_env or caller)
    local line = next_line(lines, busy, own)
    local wait = prefix .. 'wait:' .. gate[1] .. ':' .. line
    local first = redis.call('ZPOPMIN', wait)[1]
    local following = redis.call('ZRANGE', wait, 0, 0, 'WITHSCORES')
    if following[2] then redis.call('ZADD', order, following[2], line) else redis.call('ZREM', order, line) end
    -- A line that the store forgot lets nobody in: a look at the run finds that nobody is left to go on.
    if first then
      local task, page, env = string.match(first, '^([^\n]*)\n([^\n]*)\n(.*)$')
      local flexible = string.sub(line, 1, 1) == '~'
      local worker = line
      if flexible then worker = (line == own) and caller or ('~' .. task) end
      redis.call('HSET', held, task, worker)
      give(task, worker, tonumber(page), env, flexible)
    end
  end
end
