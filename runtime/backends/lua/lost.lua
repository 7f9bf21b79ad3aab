-- KEYS workers out meta events   ARGV worker token slot "r"+key life
-- A reference that cannot be fetched sends the run back to a rebuild, if it is still what is committed; so does an
-- input of a granted task that is not there at all ('' in place of the reference): the store forgot it.
if not is_run(KEYS[3]) then return 0 end
local record = load_record(redis.call('HGET', KEYS[1], ARGV[1]))
if not record or record.state == IDLE or record.token ~= ARGV[2] then return 0 end
if (redis.call('HGET', KEYS[2], ARGV[3]) or '') ~= ARGV[4] then return 0 end
end_run(KEYS[3], KEYS[1], 'rewind', 'the stored value of ' .. ARGV[3] .. ' is gone')
event(KEYS[4], ARGV[5], 'ended', cjson.encode({how = 'rewind', slot = ARGV[3]}))
return 1
