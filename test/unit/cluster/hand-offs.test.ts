/**
 * Without this: a shard that was handed off twice in a row is served by nobody, because its row names a node that has let go of
 * it for ever; or a node gives away in the directory what it has just got back and serves.
 */
import { expect, it } from 'vitest';
import { HandOffs } from '../../../src/supervisor/cluster/hand-offs.ts';
import { ShardSlot } from '../../../src/supervisor/cluster/shard-slot.ts';
import { ShardTable } from '../../../src/supervisor/shard-table.ts';
import { Gate } from '../../support/fakes/gate.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function handingOff() {
  const gate = new Gate();
  const written: (readonly number[])[] = [];
  const handOffs = new HandOffs({
    membership: { release: () => Promise.resolve({ kind: 'done', value: null }) },
    directory: {
      release: async (shards) => {
        await gate.pass();
        if (away.count > 0) {
          away.count -= 1;
          throw new Error('PostgreSQL is away');
        }
        written.push(shards);
      },
    },
    watch: { nextRead: 1 },
    shards: new ShardTable(),
    callbacks: {
      beginHandOff: () => undefined,
      finished: () => Promise.resolve(),
      left: () => undefined,
    },
    logger: new QuietLogger(),
    onSettled: () => undefined,
    onReleased: () => undefined,
  });
  const away = { count: 0 };
  const slot = new ShardSlot(7);
  const own = (epoch: bigint): void => {
    slot.move('claim', 1);
    slot.own(epoch, 1);
  };
  const lose = (): void => {
    slot.move('fenced', 1);
    slot.move('lookedUp', 1);
  };
  own(1n);
  return { gate, written, away, handOffs, slot, own, lose };
}

it('a hand-off that ends while an earlier one of the shard is being written is written too', async () => {
  const { gate, written, handOffs, slot, own, lose } = handingOff();
  gate.close();
  handOffs.begin(slot);
  await turn();
  lose();
  own(3n);
  handOffs.begin(slot);
  await turn();
  gate.open();
  await turn();
  expect([written, slot.state]).toEqual([[[7], [7]], 'unowned']);
});

it('a hand-off that could not be written is forgotten when its shard was lost and is ours again', async () => {
  const { written, away, handOffs, slot, own, lose } = handingOff();
  away.count = 1;
  handOffs.begin(slot);
  await turn();
  lose();
  own(3n);
  await handOffs.release();
  expect([written, slot.state]).toEqual([[], 'owned']);
});
