/**
 * Without these: a node takes more from others than it can hold, leaves senders of a lost shard waiting, talks to the
 * dead, lets one bad forward stop a shard, sends a command over a second hop, or aims by an outdated view.
 */
import { describe, expect, it } from 'vitest';
import type { ShardRow } from '../../../src/ports/cluster.ts';
import { DirectoryWatch } from '../../../src/supervisor/cluster/directory-watch.ts';
import { decodeBatch } from '../../../src/supervisor/cluster/forward-codec.ts';
import { ForwardDesk } from '../../../src/supervisor/cluster/forward-desk.ts';
import type { ForwardDeskOptions } from '../../../src/supervisor/cluster/forward-desk.ts';
import type { Forward } from '../../../src/supervisor/cluster/forward.ts';
import { Forwarder } from '../../../src/supervisor/cluster/forwarder.ts';
import { ShardLocations } from '../../../src/supervisor/cluster/shard-locations.ts';
import { CommandEnvelope } from '../../../src/supervisor/command-envelope.ts';
import type { Origin } from '../../../src/supervisor/command-envelope.ts';
import { InFlight } from '../../../src/supervisor/in-flight.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { transaction } from '../../support/fakes/fake-envelope.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';
import { bytes, documented } from '../contracts/messages.ts';
import { ACCOUNT_IDS, SHARDS } from './forwarder-ledger.ts';

const [SHARD = 0] = SHARDS;
const [ACCOUNT_ID = ''] = ACCOUNT_IDS;
const EPOCH = 4n;

function forward(n: number, fields: Partial<Forward> = {}): Forward {
  return {
    shard: SHARD,
    epoch: EPOCH,
    stream: 1,
    n,
    after: n - 1,
    queue: 'transactions_queue',
    road: 'delivery',
    attempt: 0,
    deferredFor: null,
    mayDecideError: false,
    redelivered: false,
    receivedAtMs: 1,
    firstSeenAtMs: 1,
    body: bytes(documented({ account_id: ACCOUNT_ID })),
    ...fields,
  };
}

function watching(read: () => Promise<readonly ShardRow[]>, clock: FakeClock): DirectoryWatch {
  return new DirectoryWatch({
    directory: { read, paused: () => Promise.resolve(null) },
    clock,
    logger: new QuietLogger(),
  });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function row(inbox: string | null, epoch: bigint): ShardRow {
  const owner = inbox === null ? null : { nodeId: inbox, incarnation: inbox, inbox };
  return { shard: SHARD, epoch, owner };
}

/** How long messages waited here before the desk got them. */
const WAITED_MS = 40;

/** A desk with one sender, and what it routed, refused and answered. */
function desk(options: Partial<ForwardDeskOptions> = {}) {
  const clock = new FakeClock();
  const routed: CommandEnvelope[] = [];
  const refused: Origin[] = [];
  const answers: string[] = [];
  const inFlight = new InFlight();
  const made = new ForwardDesk({
    incarnation: 'owner',
    inbox: {
      flow: () => 'open',
      send: (inbox, body) => {
        const decoded = decodeBatch(body);
        if (decoded.kind !== 'answers') throw new Error(`not answers: ${decoded.kind}`);
        for (const answer of decoded.batch.answers)
          answers.push(`${inbox}: ${answer.kind} ${answer.kind === 'settled' ? answer.numbers.join() : ''}`);
        return 'open';
      },
    },
    clock,
    logger: new QuietLogger(),
    inFlight,
    settle: {
      settled: () => undefined,
      refuse: (origin) => refused.push(origin),
      unhandled: (origin) => refused.push(origin),
    },
    epochOf: () => EPOCH,
    route: (envelope) => routed.push(envelope),
    giveBack: (envelope) => routed.push(envelope),
    nextN: () => 1,
    takenMax: 100,
    ...options,
  });
  const receive = (...forwards: Forward[]): void =>
    made.receive({ from: 's', replyTo: 'inbox.s', forwards }, clock.now() - WAITED_MS);
  return { desk: made, clock, routed, refused, answers, inFlight, receive };
}

describe('the desk', () => {
  it('counts a command from when it came into the process, not from when it was handed out', () => {
    const { receive, routed, clock } = desk();
    receive(forward(0));
    expect(routed[0]?.receivedAtMs).toBe(clock.now() - WAITED_MS);
  });

  it('answers together for what was acknowledged in one turn', () => {
    const { receive, routed, clock, answers, inFlight } = desk();
    receive(forward(0), forward(1), forward(2));
    expect(inFlight.count).toBe(3);
    routed[2]?.origin.ack();
    routed[0]?.origin.ack();
    clock.runSoon();
    expect(answers).toEqual(['inbox.s: settled 2,0']);
  });

  it('leaves unheard what is more than it may hold, and goes on when it holds less', () => {
    const { desk: full, receive, routed, clock, answers } = desk({ takenMax: 2 });
    receive(forward(0), forward(1), forward(2), forward(3));
    clock.runSoon();
    expect([full.takenCount, full.takenOf(SHARD), answers.length]).toEqual([2, 2, 0]);
    routed[0]?.origin.ack();
    receive(forward(2));
    expect(routed).toHaveLength(3);
  });

  it('tells its senders at once that a shard is leaving, and still answers for what it finishes', () => {
    const { desk: leaving, receive, routed, clock, answers } = desk();
    receive(forward(0));
    leaving.close(SHARD);
    clock.runSoon();
    routed[0]?.origin.ack();
    clock.runSoon();
    expect(answers).toEqual(['inbox.s: not-owner ', 'inbox.s: settled 0']);
  });

  it('routes again what is given back while it is relied on, and drops it when it is not', () => {
    let epoch: bigint | null = EPOCH;
    const { desk: owner, receive, routed, clock, answers, inFlight } = desk({ epochOf: () => epoch });
    receive(forward(0));
    routed[0]?.giveBack('stopped');
    expect([routed.length, owner.takenCount]).toEqual([2, 1]);
    epoch = null;
    routed[1]?.giveBack('fenced');
    clock.runSoon();
    expect([routed.length, owner.takenCount, inFlight.count]).toEqual([2, 0, 0]);
    expect(answers).toEqual(['inbox.s: not-owner ']);
  });

  it('says nothing to the dead, and counts what it has of them until it ends', () => {
    const { desk: owner, receive, routed, clock, answers } = desk();
    receive(forward(0), forward(1));
    routed[0]?.origin.ack();
    owner.onReturned('inbox.s', 'unsure');
    owner.onReturned('inbox.s', 'gone');
    routed[1]?.origin.ack();
    clock.runSoon();
    expect(answers).toEqual([]);
    expect(owner.takenCount).toBe(0);
  });

  it.each([
    ['is unreadable', { body: Buffer.from('{') }],
    ['belongs to another shard', { shard: SHARD + 1 }],
  ])('a forward that %s becomes a dead letter, is answered, and stops nothing', (_, fields) => {
    const { receive, routed, refused, clock, answers } = desk();
    receive(forward(0, fields), forward(1, { ...fields, body: forward(1).body, shard: SHARD, after: -1 }));
    expect([refused.length, routed.length]).toEqual([1, 1]);
    refused[0]?.ack();
    clock.runSoon();
    expect(answers).toEqual(['inbox.s: settled 0']);
  });
});

describe('the forwarder', () => {
  function held() {
    const clock = new FakeClock();
    const back: number[] = [];
    const forwarder = new Forwarder({
      incarnation: 's',
      inbox: { name: 'inbox.s', flow: () => 'open', send: () => 'open' },
      watch: watching(() => Promise.resolve([row('inbox.o', EPOCH)]), clock),
      clock,
      ended: () => undefined,
      giveBack: ({ n }) => back.push(n),
      heldMax: 10,
    });
    return { forwarder, back, clock };
  }

  const envelope = (
    n: number,
    origin: Origin | null,
    onGivenBack: () => void = () => undefined,
  ): CommandEnvelope =>
    new CommandEnvelope(
      {
        command: transaction(n),
        origin,
        road: 'delivery',
        shard: SHARD,
        n,
        attempt: 0,
        deferredFor: null,
        mayDecideError: false,
        receivedAtMs: 1,
        firstSeenAtMs: 1,
      },
      { settled: () => undefined, givenBack: onGivenBack },
    );
  const own: Origin = {
    queue: 'transactions_queue',
    body: Buffer.from('{}'),
    redelivered: false,
    ack: () => undefined,
  };

  it('puts what comes late in its place', () => {
    const { forwarder, back } = held();
    for (const n of [4, 5, 9, 6, 3, 10]) forwarder.take(envelope(n, own));
    expect([forwarder.heldCount, forwarder.heldOf(SHARD)]).toEqual([6, 6]);
    forwarder.takeBack(SHARD);
    expect(back).toEqual([3, 4, 5, 6, 9, 10]);
    expect(forwarder.heldCount).toBe(0);
  });

  it('holds no more than its bound', () => {
    const { forwarder } = held();
    for (let n = 0; n < 10; n += 1) forwarder.take(envelope(n, own));
    expect(() => forwarder.take(envelope(10, own))).toThrow('more than 10');
  });

  it('sends nothing on that came from another node', () => {
    const { receive, routed } = desk();
    receive(forward(0));
    const { forwarder } = held();
    const origin = routed[0]?.origin ?? own;
    let givenBack = 0;
    forwarder.take(envelope(1, origin, () => (givenBack += 1)));
    expect([forwarder.heldCount, givenBack]).toEqual([0, 1]);
  });

  it('sends no order on: whoever gave it asks the owner', () => {
    const { forwarder } = held();
    let givenBack = 0;
    const order = envelope(1, null, () => (givenBack += 1));
    forwarder.take(order);
    expect([forwarder.heldCount, givenBack]).toEqual([0, 1]);
    expect(desk().desk.admit(order)).toBe(true);
  });
});

describe('the view of the owners', () => {
  it('is read again when the news came during a read, never two at a time, never us', async () => {
    const clock = new FakeClock();
    const answers: ((rows: readonly ShardRow[]) => void)[] = [];
    const locations = new ShardLocations({
      watch: watching(() => new Promise((resolve) => answers.push(resolve)), clock),
      ownInbox: 'inbox.s',
      clock,
      onRead: () => undefined,
    });
    locations.nudge();
    locations.nudge();
    answers[0]?.([row('inbox.o', 1n)]);
    await turn();
    expect(locations.targetOf(SHARD)).toEqual({ inbox: 'inbox.o', epoch: 1n });
    expect(answers).toHaveLength(1);
    clock.advance(50);
    expect(answers).toHaveLength(2);
    answers[1]?.([row('inbox.s', 2n)]);
    await turn();
    expect(locations.targetOf(SHARD)).toBeNull();
    locations.stop();
  });

  it('joins a read that is under way for somebody else, and reads once more after it', async () => {
    const clock = new FakeClock();
    const answers: ((rows: readonly ShardRow[]) => void)[] = [];
    const watch = watching(() => new Promise((resolve) => answers.push(resolve)), clock);
    const locations = new ShardLocations({ watch, ownInbox: 'inbox.s', clock, onRead: () => undefined });
    void watch.refresh();
    locations.nudge();
    answers[0]?.([row('inbox.o', 1n)]);
    await turn();
    clock.advance(50);
    expect(answers).toHaveLength(2);
    answers[1]?.([row('inbox.p', 2n)]);
    await turn();
    expect(locations.targetOf(SHARD)).toEqual({ inbox: 'inbox.p', epoch: 2n });
    clock.advance(1_000);
    expect(answers).toHaveLength(2);
    locations.stop();
  });
});
