/**
 * Without this: a shard that nobody takes fills the intake windows until nothing is read any more; or what waits for it is
 * acknowledged without being anywhere, or decided after what came later.
 */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/limits.ts';
import type { Parked, UnownedParking } from '../../../src/ports/stores.ts';
import { OrphanDesk } from '../../../src/supervisor/cluster/orphan-desk.ts';
import type { CommandEnvelope } from '../../../src/supervisor/command-envelope.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { accountIdOf, transaction } from '../../support/fakes/fake-envelope.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';
import { bodyOf, envelopeOf, FakeDelivery } from '../supervisor/support.ts';

const SHARD = 7;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function orphaned(answer: (seen: bigint, commands: readonly Parked[]) => Promise<UnownedParking>) {
  const clock = new FakeClock();
  const log: string[] = [];
  let held: CommandEnvelope[] = [];
  let isConnected = true;
  let routed = 0;
  const desk = new OrphanDesk({
    forwarder: {
      unowned: (forMs) => (held.length > 0 && forMs === LIMITS.orphanMs ? [SHARD] : []),
      release: () => held.splice(0),
    },
    doors: {
      hold: (shard) => log.push(`hold ${shard}`),
      letGo: (shard) => log.push(`let go ${shard}`),
    },
    watch: { rows: Array.from({ length: 256 }, (_, shard) => ({ shard, epoch: 4n, owner: null })) },
    store: {
      parkUnowned: (shard, seen, commands) => {
        log.push(
          `park ${shard} under ${String(seen)}: ${commands.map(({ body }) => body.toString()).join()}`,
        );
        return answer(seen, commands);
      },
    },
    router: { giveBack: ({ n }) => log.push(`back ${n}`), heldOf: () => routed },
    settle: { refuse: ({ body }) => void log.push(`refused ${body.toString()}`) },
    clock,
    logger: new QuietLogger(),
    isConnected: () => isConnected,
    ended: ({ n }) => log.push(`ended ${n}`),
  });
  const wait = (...ns: number[]): void => {
    const fields = { settled: () => undefined, givenBack: () => undefined };
    held = ns.map((n) =>
      envelopeOf(transaction(n), fields, new FakeDelivery(String(n)), { n, shard: SHARD }),
    );
  };
  /** What the reader has only glanced at. */
  const waitUnread = (...bodies: string[]): void => {
    const fields = { settled: () => undefined, givenBack: () => undefined };
    const command = { kind: 'unread', accountId: accountIdOf(1) } as const;
    held = bodies.map((body, n) => envelopeOf(command, fields, new FakeDelivery(body), { n, shard: SHARD }));
  };
  desk.start();
  const cutOff = (): void => void (isConnected = false);
  const holdInRouter = (count: number): void => void (routed = count);
  return { desk, clock, log, wait, waitUnread, cutOff, holdInRouter };
}

describe('commands of a shard without owner', () => {
  it('are parked in order, then acknowledged; what comes meanwhile is held', async () => {
    const { clock, log, wait } = orphaned((epoch) => Promise.resolve({ kind: 'parked', epoch: epoch + 1n }));
    wait(1, 2, 3);
    clock.advance(LIMITS.orphanPollMs);
    await turn();
    expect(log).toEqual(['hold 7', 'park 7 under 4: 1,2,3', 'ended 1', 'ended 2', 'ended 3', 'let go 7']);
  });

  it('go on under the epoch that parking has left behind', async () => {
    const { clock, log, wait } = orphaned((epoch) => Promise.resolve({ kind: 'parked', epoch: epoch + 1n }));
    wait(...Array.from({ length: LIMITS.storeBatchMax + 1 }, (_, n) => n));
    clock.advance(LIMITS.orphanPollMs);
    await turn();
    expect(log.filter((line) => line.startsWith('park')).map((line) => line.split(':')[0])).toEqual([
      'park 7 under 4',
      'park 7 under 5',
    ]);
  });

  it.each([
    ['somebody owns the shard after all', () => Promise.resolve({ kind: 'owned', epoch: 5n } as const)],
    ['the ledger does not answer', () => Promise.reject(new Error('away'))],
  ])('%s: they go back, all of them and in order, before anything newer', async (_name, answer) => {
    const { clock, log, wait } = orphaned(answer);
    wait(1, 2);
    clock.advance(LIMITS.orphanPollMs);
    await turn();
    expect(log).toEqual(['hold 7', 'park 7 under 4: 1,2', 'back 1', 'back 2', 'let go 7']);
  });

  it('that cannot be read get their letters now, and only the others are parked, or go back', async () => {
    const answers: UnownedParking[] = [
      { kind: 'owned', epoch: 5n },
      { kind: 'parked', epoch: 5n },
    ];
    const { clock, log, waitUnread } = orphaned(() => Promise.resolve(answers.shift()!));
    const good = bodyOf(transaction(1));
    waitUnread('{', good, '[');
    clock.advance(LIMITS.orphanPollMs);
    await turn();
    const parked = `park 7 under 4: ${good}`;
    expect(log.splice(0)).toEqual(['hold 7', 'refused {', 'refused [', parked, 'back 1', 'let go 7']);
    waitUnread('{', good);
    clock.advance(LIMITS.orphanPollMs);
    await turn();
    expect(log).toEqual(['hold 7', 'refused {', parked, 'ended 1', 'let go 7']);
  });

  it('are left alone by a node that is cut off: their owners may be well', async () => {
    const { clock, log, wait, cutOff } = orphaned((epoch) => Promise.resolve({ kind: 'parked', epoch }));
    wait(1);
    cutOff();
    clock.advance(LIMITS.orphanPollMs);
    await turn();
    expect(log).toEqual([]);
  });

  it('are left alone while the router holds older ones, which come to the forwarder first', async () => {
    const { clock, log, wait, holdInRouter } = orphaned((epoch) =>
      Promise.resolve({ kind: 'parked', epoch }),
    );
    wait(2);
    holdInRouter(1);
    clock.advance(LIMITS.orphanPollMs);
    await turn();
    expect(log).toEqual([]);
    holdInRouter(0);
    clock.advance(LIMITS.orphanPollMs);
    await turn();
    expect(log).toContain('park 7 under 4: 2');
  });

  it('are looked at by one round at a time', async () => {
    let answered: (answer: UnownedParking) => void = () => undefined;
    const { clock, log, wait } = orphaned(() => new Promise((resolve) => (answered = resolve)));
    wait(1);
    clock.advance(LIMITS.orphanPollMs);
    wait(2);
    clock.advance(LIMITS.orphanPollMs);
    await turn();
    expect(log).toEqual(['hold 7', 'park 7 under 4: 1']);
    answered({ kind: 'parked', epoch: 5n });
    await turn();
    clock.advance(LIMITS.orphanPollMs);
    expect(log).toContain('park 7 under 4: 2');
  });
});
