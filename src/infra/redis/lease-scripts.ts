/**
 * What membership asks of Redis, each one atomic.
 *
 * ```
 * paygate:cluster                id of the ledger's cluster
 * paygate:boot                   hash: id, born (ms), ticked (ms): the last tick of anybody
 * paygate:nodes                  sorted set: incarnation, by the time (ms) at which its record ends
 * paygate:node:<incarnation>     its record, JSON; expires
 * paygate:lease:<role>           incarnation of the holder; expires
 * paygate:leases:<incarnation>   set of the roles it took, so that they can be freed at once; may name ones that it lost
 * ```
 * All times are those of Redis. Keys are made up inside the scripts: a single Redis, or a primary with replicas, not Redis Cluster.
 *
 * Every script begins with ARGV: deadline (ms on the clock of Redis), our incarnation, lease time (ms); and answers
 * [now (ms), 'done' | 'refused' | 'late', …]. The deadline keeps a command that lay in a socket while Redis was frozen from
 * being executed after its sender has given it up.
 */

/** Names of the keys, for the scripts and for whoever only looks. Those that end in a colon are prefixes. */
export const MEMBERSHIP_KEYS = {
  cluster: 'paygate:cluster',
  boot: 'paygate:boot',
  nodes: 'paygate:nodes',
  node: 'paygate:node:',
  lease: 'paygate:lease:',
  leases: 'paygate:leases:',
} as const;

const KEY = MEMBERSHIP_KEYS;

const PRELUDE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[1]) then return {now, 'late'} end
local me, lease = ARGV[2], tonumber(ARGV[3])

local function currentBoot()
  local boot = redis.call('HMGET', '${KEY.boot}', 'id', 'born', 'ticked')
  local id, born, ticked = boot[1], tonumber(boot[2] or nil), tonumber(boot[3] or nil)
  if not (id and born and ticked) then return nil end
  -- Nobody ticked for a lease time: all leases are gone. Born in the future: the clock was set back.
  if now - ticked > lease or now < born then return nil end
  return id, now - born
end
`;

/** Further ARGV: cluster id, id for a new boot, our record, then the leases we hold. Answers boot id, its age, records, {lease, holder or ''}… lost. */
export const TICK = `${PRELUDE}
local cluster = redis.call('GET', '${KEY.cluster}')
if not cluster then redis.call('SET', '${KEY.cluster}', ARGV[4])
elseif cluster ~= ARGV[4] then return {now, 'refused', 'other-cluster'} end

local boot, age = currentBoot()
if not boot then
  boot, age = ARGV[5], 0
  redis.call('HSET', '${KEY.boot}', 'id', boot, 'born', now)
end
redis.call('HSET', '${KEY.boot}', 'ticked', now)

redis.call('SET', '${KEY.node}' .. me, ARGV[6], 'PX', lease)
redis.call('ZADD', '${KEY.nodes}', now + lease, me)
redis.call('ZREMRANGEBYSCORE', '${KEY.nodes}', '-inf', now)
local records = {}
for _, incarnation in ipairs(redis.call('ZRANGE', '${KEY.nodes}', 0, -1)) do
  local record = redis.call('GET', '${KEY.node}' .. incarnation)
  if record then records[#records + 1] = record end
end

local taken, lost = '${KEY.leases}' .. me, {}
for i = 7, #ARGV do
  local key = '${KEY.lease}' .. ARGV[i]
  local holder = redis.call('GET', key)
  if holder == me then
    redis.call('PEXPIRE', key, lease)
    redis.call('SADD', taken, ARGV[i])
  else
    redis.call('SREM', taken, ARGV[i])
    lost[#lost + 1] = {ARGV[i], holder or ''}
  end
end
redis.call('PEXPIRE', taken, 2 * lease)
return {now, 'done', boot, age, records, lost}
`;

/** Further ARGV: 'acquire', 'reassert' or 'overwrite', then the leases. Answers those that are ours now. */
export const TAKE = `${PRELUDE}
local mode = ARGV[4]
if mode ~= 'reassert' then
  local boot, age = currentBoot()
  if not boot or age < lease then return {now, 'refused', 'young'} end
end
local taken, ours = '${KEY.leases}' .. me, {}
for i = 5, #ARGV do
  local key = '${KEY.lease}' .. ARGV[i]
  local holder = redis.call('GET', key)
  if not holder or holder == me or mode == 'overwrite' then
    redis.call('SET', key, me, 'PX', lease)
    redis.call('SADD', taken, ARGV[i])
    ours[#ours + 1] = ARGV[i]
  end
end
redis.call('PEXPIRE', taken, 2 * lease)
return {now, 'done', ours}
`;

/** Further ARGV: the leases. */
export const RELEASE = `${PRELUDE}
for i = 4, #ARGV do
  local key = '${KEY.lease}' .. ARGV[i]
  if redis.call('GET', key) == me then redis.call('DEL', key) end
  redis.call('SREM', '${KEY.leases}' .. me, ARGV[i])
end
return {now, 'done'}
`;

/** Further ARGV: the incarnation. Answers the leases freed. */
export const FORGET = `${PRELUDE}
local gone = ARGV[4]
local taken, freed = '${KEY.leases}' .. gone, {}
for _, lease_name in ipairs(redis.call('SMEMBERS', taken)) do
  local key = '${KEY.lease}' .. lease_name
  if redis.call('GET', key) == gone then
    redis.call('DEL', key)
    freed[#freed + 1] = lease_name
  end
end
redis.call('DEL', taken, '${KEY.node}' .. gone)
redis.call('ZREM', '${KEY.nodes}', gone)
return {now, 'done', freed}
`;
