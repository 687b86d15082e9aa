import { createHash } from 'node:crypto';

/** A Lua script and the name Redis keeps it under. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/**
 * Writes balances that are not older than what is there. An equal version is written again: it refreshes the expiry and
 * repairs a value somebody else put there. Versions are decimal text without leading zeros: the longer one is newer, of
 * equal length the greater one (a Lua number would round above 2^53).
 *
 * KEYS: generation, then per balance its key and its version's key. ARGV: the generation expected, expiry in seconds, then per balance
 * cents and version. Returns how many were written, -1 where the generation is another.
 */
export const WRITE_BALANCES = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local written = 0
for i = 2, #KEYS, 2 do
  local cents, version = ARGV[i + 1], ARGV[i + 2]
  local current = redis.call('GET', KEYS[i + 1])
  if not current or #version > #current or (#version == #current and version >= current) then
    redis.call('SET', KEYS[i], cents, 'EX', ARGV[2])
    redis.call('SET', KEYS[i + 1], version, 'EX', ARGV[2])
    written = written + 1
  end
end
return written
`);

/**
 * The present generation, begun where there is none or where it belongs to an earlier run of the server.
 * KEYS: generation. ARGV: id of the server's run, generation to begin (it starts with that id).
 */
export const ENTER_GENERATION = script(`
local current = redis.call('GET', KEYS[1])
if current and string.sub(current, 1, #ARGV[1]) == ARGV[1] then return current end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
`);

/** KEYS: a balance and its version. ARGV: the version it must have to be removed. */
export const FORGET_VERSION = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1], KEYS[2])
`);
