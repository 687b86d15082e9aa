import { setup } from 'xstate';

/**
 * What a node has to do with one shard.
 *
 * ```
 * unowned    ─ claim ─> acquiring
 * acquiring  ─ tookOver ─> owned            ─ refused ─> unowned
 * owned      ─ handOff ─> handingOff        ─ fenced ─> lost
 * handingOff ─ released ─> unowned          ─ fenced ─> lost
 * lost       ─ lookedUp ─> unowned
 * ```
 * `acquiring`: asking for the lease, then for the epoch. `handingOff`: takes nothing any more, may still commit.
 * `lost`: somebody else has the epoch; until the directory is read again it is not known who.
 */
export type ShardState = 'unowned' | 'acquiring' | 'owned' | 'handingOff' | 'lost';

export type ShardMove = 'claim' | 'refused' | 'tookOver' | 'handOff' | 'released' | 'fenced' | 'lookedUp';

export const SHARD_MOVES: Readonly<Record<ShardState, Readonly<Partial<Record<ShardMove, ShardState>>>>> = {
  unowned: { claim: 'acquiring' },
  acquiring: { refused: 'unowned', tookOver: 'owned' },
  owned: { handOff: 'handingOff', fenced: 'lost' },
  handingOff: { released: 'unowned', fenced: 'lost' },
  lost: { lookedUp: 'unowned' },
};

/**
 * The next state. A table, since 256 shards take part in it on every node: a running statechart each would cost more
 * than it says. Throws on a move that there is not: a mistake of ours.
 */
export function nextShardState(state: ShardState, move: ShardMove): ShardState {
  const next = SHARD_MOVES[state][move];
  if (next === undefined) throw new Error(`a shard that is ${state} cannot be ${move}`);
  return next;
}

/** The same as a statechart, to be looked at and tested. */
export const shardMachine = setup({ types: { events: {} as { readonly type: ShardMove } } }).createMachine({
  id: 'shard',
  initial: 'unowned',
  states: {
    unowned: { on: { claim: 'acquiring' } },
    acquiring: { on: { refused: 'unowned', tookOver: 'owned' } },
    owned: { on: { handOff: 'handingOff', fenced: 'lost' } },
    handingOff: { on: { released: 'unowned', fenced: 'lost' } },
    lost: { on: { lookedUp: 'unowned' } },
  },
});
