/**
 * Without these, an operator would wait for an answer that never comes, be told of success before it is durable, or a drain would
 * wait for an order that had long ended.
 */
import { describe, expect, it } from 'vitest';
import type { OperatorCommand } from '../../../src/contracts/command.ts';
import {
  decodeOrderAnswer,
  encodeOrder,
  type OrderAnswerMail,
  type OrderMail,
} from '../../../src/contracts/order-mail.ts';
import type { Settlement } from '../../../src/domain/settlement.ts';
import { shardOf } from '../../../src/domain/shard.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { Flow } from '../../../src/ports/cluster.ts';
import { forwardMail } from '../../../src/supervisor/cluster/forward-mail.ts';
import type { CommandEnvelope } from '../../../src/supervisor/command-envelope.ts';
import { InFlight } from '../../../src/supervisor/in-flight.ts';
import { OrderDesk, type OrderDeskOptions } from '../../../src/supervisor/order-desk.ts';
import { FakeClock } from '../../support/fakes/fake-clock.ts';
import { accountIdOf } from '../../support/fakes/fake-envelope.ts';
import { QuietLogger } from '../../support/fakes/quiet.ts';

const orderIdOf = (n: number): string => `33333333-0000-4000-8000-${String(n).padStart(12, '0')}`;

function freeze(n: number): OperatorCommand {
  const action = { kind: 'freeze' } as const;
  return {
    kind: 'operator',
    orderId: orderIdOf(n),
    accountId: accountIdOf(n),
    action,
    operator: 'ann',
    why: 'x',
  };
}

const DONE = {
  kind: 'operated',
  result: { kind: 'done', seq: 3n, balanceCents: -5n, overdraftCents: 10n, status: 'frozen' },
} as const satisfies Settlement;

function scene(options: Partial<OrderDeskOptions> = {}) {
  const routed: CommandEnvelope[] = [];
  const sent: { readonly to: string; readonly mail: OrderAnswerMail }[] = [];
  const inFlight = new InFlight();
  const logger = new QuietLogger();
  let drains = 0;
  const levels: string[] = [];
  const wire: { flow: Flow } = { flow: 'open' };
  const desk = new OrderDesk({
    nodeId: 'node-a',
    inbox: {
      send: (to, body) => {
        const decoded = decodeOrderAnswer(body);
        if (decoded.kind === 'malformed') throw new Error(decoded.detail);
        if (wire.flow === 'open') sent.push({ to, mail: decoded.mail });
        return wire.flow;
      },
    },
    clock: new FakeClock(),
    logger,
    inFlight,
    epochOf: () => 7n,
    route: (envelope) => routed.push(envelope),
    nextN: () => 42,
    onDrain: () => (drains += 1),
    onLogLevel: (level) => levels.push(level),
    ...options,
  });
  const give = (command: OperatorCommand, replyTo = 'reply'): void =>
    desk.receive(encodeOrder({ orderId: command.orderId, replyTo, order: { kind: 'account', command } }));
  return {
    desk,
    routed,
    sent,
    inFlight,
    logger,
    wire,
    give,
    drainCount: () => drains,
    levels,
    answers: () => sent.map(({ mail }) => mail.answer),
  };
}

describe('an order for an account', () => {
  it('goes the way of every command, and is answered when it has ended', () => {
    const { give, routed, sent, inFlight, desk } = scene();
    give(freeze(1));
    const [envelope] = routed;
    expect(envelope).toMatchObject({
      command: freeze(1),
      road: 'operator',
      shard: shardOf(accountIdOf(1), LIMITS.shardCount),
      n: 42,
      attempt: 0,
    });
    expect([sent.length, inFlight.count, desk.inHandCount]).toEqual([0, 1, 1]);
    envelope!.settle(DONE);
    expect(sent).toEqual([
      {
        to: 'reply',
        mail: { orderId: orderIdOf(1), from: 'node-a', answer: { kind: 'result', result: DONE.result } },
      },
    ]);
    expect([inFlight.count, desk.inHandCount]).toEqual([0, 0]);
  });

  it('of a shard that is not ours is not taken', () => {
    const { give, routed, answers, inFlight } = scene({ epochOf: () => null });
    give(freeze(1));
    expect([routed.length, inFlight.count]).toEqual([0, 0]);
    expect(answers()).toEqual([{ kind: 'not-owner' }]);
  });

  it('that is given back is the new owner’s to decide', () => {
    const { give, routed, answers, inFlight } = scene();
    give(freeze(1));
    routed[0]!.giveBack('fenced');
    expect(answers()).toEqual([{ kind: 'not-owner' }]);
    expect(inFlight.count).toBe(0);
    // Whatever becomes of it afterwards is nobody's business any more.
    routed[0]!.settle(DONE);
    expect(answers()).toHaveLength(1);
  });

  it('that comes again while it is in hand is taken once, and answered where it was asked last', () => {
    const { give, routed, sent, inFlight } = scene();
    give(freeze(1));
    give(freeze(1), 'later');
    expect([routed.length, inFlight.count]).toEqual([1, 1]);
    routed[0]!.settle(DONE);
    expect(sent.map(({ to }) => to)).toEqual(['later']);
    give(freeze(1));
    expect(routed).toHaveLength(2);
  });

  it('beyond the bound is left unheard', () => {
    const { give, routed, sent } = scene({ inHandMax: 2 });
    for (const n of [1, 2, 3]) give(freeze(n));
    expect([routed.length, sent.length]).toEqual([2, 0]);
    routed[0]!.settle(DONE);
    give(freeze(3));
    expect(routed).toHaveLength(3);
  });

  it.each<[string, Settlement, string]>([
    ['an unknown account', { kind: 'failed', code: 'ACCOUNT_UNKNOWN', detail: 'x' }, 'no such account'],
    ['a failure', { kind: 'failed', code: 'COMMIT_REFUSED', detail: 'bad row' }, 'COMMIT_REFUSED: bad row'],
    ['a quarantine', { kind: 'parked', reason: 'balance is wrong' }, 'quarantined (balance is wrong)'],
    ['a deferral', { kind: 'deferred', code: 'ROW_LOCKED' }, 'ROW_LOCKED'],
    ['an end that is none of an order', { kind: 'answered' }, 'look at the account'],
  ])('that meets %s is refused in words', (_name, settlement, words) => {
    const { give, routed, answers } = scene();
    give(freeze(1));
    routed[0]!.settle(settlement);
    expect(answers()).toEqual([
      { kind: 'result', result: { kind: 'refused', detail: expect.stringContaining(words) as string } },
    ]);
  });

  it('that cannot be routed is refused, not forgotten', () => {
    const { give, answers, inFlight, desk } = scene({
      route: () => {
        throw new Error('too much is held');
      },
    });
    give(freeze(1));
    expect(answers()).toMatchObject([{ result: { kind: 'refused' } }]);
    expect([inFlight.count, desk.inHandCount]).toEqual([0, 0]);
  });

  it('whose answer cannot be sent has ended all the same: it will be asked for again', () => {
    const { give, routed, sent, inFlight, desk, wire, logger } = scene();
    give(freeze(1));
    wire.flow = 'blocked';
    routed[0]!.settle(DONE);
    expect([sent.length, inFlight.count, desk.inHandCount]).toEqual([0, 0, 0]);
    expect(logger.messages('warn')).toHaveLength(1);
  });

  it('has no origin that could be acknowledged, forwarded or kept', () => {
    const { give, routed } = scene();
    give(freeze(1));
    expect(routed[0]!.isOrder).toBe(true);
    expect(() => routed[0]!.origin).toThrow('came by no queue');
  });
});

describe('other mail', () => {
  it('an order to drain begins the drain', () => {
    const { desk, answers, drainCount } = scene();
    desk.receive(encodeOrder({ orderId: orderIdOf(1), replyTo: 'reply', order: { kind: 'drain' } }));
    expect(drainCount()).toBe(1);
    expect(answers()).toEqual([{ kind: 'accepted' }]);
  });

  it('an order that cannot be read is said to be so, if anybody can be told', () => {
    const { desk, answers, logger } = scene();
    const bytes = encodeOrder({ orderId: orderIdOf(1), replyTo: 'reply', order: { kind: 'drain' } });
    bytes[0] = 9;
    desk.receive(bytes);
    expect(answers()).toMatchObject([{ kind: 'unreadable' }]);
    desk.receive(Buffer.from([1, 3, 0]));
    expect(answers()).toHaveLength(1);
    expect(logger.messages('warn')).toHaveLength(2);
  });

  it('reaches the desk by the inbox, whatever its version; answers are nobody’s', () => {
    const orders: Buffer[] = [];
    const logger = new QuietLogger();
    const never = (): never => {
      throw new Error('not for this one');
    };
    const sort = forwardMail({
      onForwards: never,
      onAnswers: never,
      onNudge: never,
      onOrder: (body) => orders.push(body),
      logger,
    });
    sort(Buffer.from([9, 3, 0]), 0);
    sort(Buffer.from([1, 4, 0]), 0);
    sort(Buffer.from([1, 9, 0]), 0);
    expect(orders).toHaveLength(1);
    expect(logger.messages('warn')).toHaveLength(2);
  });
});

it('an order for another log level is passed on and answered; a level that there is not changes nothing', () => {
  const { desk, levels, answers } = scene();
  const orderId = orderIdOf(1);
  desk.receive(encodeOrder({ orderId, replyTo: 'reply', order: { kind: 'log-level', level: 'debug' } }));
  expect(levels).toEqual(['debug']);
  expect(answers()).toEqual([{ kind: 'accepted' }]);
  const wrong = { orderId, replyTo: 'reply', order: { kind: 'log-level', level: 'loud' } };
  desk.receive(encodeOrder(wrong as unknown as OrderMail));
  expect(levels).toEqual(['debug']);
  expect(answers()[1]).toMatchObject({ kind: 'unreadable' });
});
