/**
 * Without these, an operator would be told that nothing was done when it was, wait for a node that is gone, or have one order
 * carried out twice.
 */
import { randomUUID } from 'node:crypto';
import amqp from 'amqplib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  decodeOrder,
  encodeOrderAnswer,
  type Order,
  type OrderAnswer,
  type OrderMail,
} from '../../src/contracts/order-mail.ts';
import { OrderClient, type OrderClientOptions } from '../../src/infra/rabbitmq/order-client.ts';
import { eventually, freshVhost, type TestPlace } from '../support/services.ts';

const ORDER: Order = { kind: 'drain' };
const DONE = {
  kind: 'result',
  result: { kind: 'done', seq: 3n, balanceCents: -5n, overdraftCents: 10n, status: 'frozen' },
} as const satisfies OrderAnswer;

let place: TestPlace;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  place = await freshVhost();
});

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
  await place.drop();
});

async function clientOf(options: Partial<OrderClientOptions> = {}): Promise<OrderClient> {
  const client = await OrderClient.open({ url: place.url, pauseMs: 10, ...options });
  closers.push(() => client.close());
  return client;
}

/** An inbox and whoever reads it: answers each order with what `answer` says, null = not at all. */
async function responder(answer: (mail: OrderMail, n: number) => OrderAnswer | null) {
  const inbox = `inbox.test.${randomUUID()}`;
  const orders: OrderMail[] = [];
  const connection = await amqp.connect(place.url);
  closers.push(() => connection.close().catch(() => undefined));
  const channel = await connection.createChannel();
  await channel.assertQueue(inbox, { exclusive: true, autoDelete: true, durable: false });
  const reply = ({ orderId, replyTo }: OrderMail, given: OrderAnswer): boolean =>
    channel.sendToQueue(replyTo, encodeOrderAnswer({ orderId, from: inbox, answer: given }));
  await channel.consume(
    inbox,
    (message) => {
      const decoded = decodeOrder(message!.content);
      if (decoded.kind !== 'order') throw new Error(decoded.detail);
      orders.push(decoded.mail);
      const given = answer(decoded.mail, orders.length);
      if (given !== null) reply(decoded.mail, given);
    },
    { noAck: true },
  );
  return { inbox, orders, reply, close: () => connection.close() };
}

/** Each look-up gives the next one, the last one for ever. */
function inTurn(...inboxes: readonly (string | null)[]) {
  let looks = 0;
  return () => {
    looks += 1;
    return Promise.resolve(inboxes[Math.min(looks, inboxes.length) - 1] ?? null);
  };
}

describe('an order', () => {
  it('is answered by the node that is asked', async () => {
    const node = await responder(() => DONE);
    const orderId = randomUUID();
    const client = await clientOf();
    const outcome = await client.place({ orderId, order: ORDER, inboxOf: inTurn(node.inbox) });
    expect(outcome).toEqual({ kind: 'result', from: node.inbox, result: DONE.result });
    expect(node.orders).toMatchObject([{ orderId, order: ORDER }]);
  });

  it('goes to the next owner when a node says that it is not its own, under the same id', async () => {
    const [former, owner] = await Promise.all([
      responder(() => ({ kind: 'not-owner' })),
      responder(() => DONE),
    ]);
    const client = await clientOf();
    const outcome = await client.place({
      orderId: randomUUID(),
      order: ORDER,
      inboxOf: inTurn(former.inbox, former.inbox, owner.inbox),
    });
    expect(outcome).toMatchObject({ kind: 'result', from: owner.inbox });
    expect([former.orders.length, owner.orders.length]).toEqual([2, 1]);
    expect(owner.orders[0]!.orderId).toBe(former.orders[0]!.orderId);
  });

  it('goes to the next owner at once when the inbox is gone, and waits while there is none', async () => {
    const owner = await responder(() => DONE);
    const client = await clientOf({ answerTimeoutMs: 60_000 });
    const outcome = await client.place({
      orderId: randomUUID(),
      order: ORDER,
      inboxOf: inTurn('inbox.dead.x', null, owner.inbox),
      deadlineMs: 60_000,
    });
    expect(outcome.kind).toBe('result');
    expect(owner.orders).toHaveLength(1);
  });

  it('is sent again when a node keeps silent', async () => {
    const node = await responder((_mail, n) => (n < 3 ? null : DONE));
    const client = await clientOf({ answerTimeoutMs: 50 });
    const orderId = randomUUID();
    const outcome = await client.place({
      orderId,
      order: ORDER,
      inboxOf: inTurn(node.inbox),
      deadlineMs: 60_000,
    });
    expect(outcome.kind).toBe('result');
    expect(new Set(node.orders.map((mail) => mail.orderId))).toEqual(new Set([orderId]));
  });

  it('takes a late answer of an earlier owner', async () => {
    const former = await responder(() => null);
    const silent = await responder(() => null);
    const client = await clientOf({ answerTimeoutMs: 50 });
    const placed = client.place({
      orderId: randomUUID(),
      order: ORDER,
      inboxOf: inTurn(former.inbox, silent.inbox),
      deadlineMs: 60_000,
    });
    await eventually(() => expect(silent.orders.length).toBeGreaterThan(0));
    former.reply(former.orders[0]!, DONE);
    expect(await placed).toMatchObject({ kind: 'result', from: former.inbox });
  });

  it.each<[string, OrderAnswer, object]>([
    ['accepted', { kind: 'accepted' }, { kind: 'accepted' }],
    ['refused', { kind: 'result', result: { kind: 'refused', detail: 'no' } }, { result: { detail: 'no' } }],
    ['not read', { kind: 'unreadable', detail: 'v9' }, { kind: 'unreadable', detail: 'v9' }],
  ])('that is %s has ended', async (_name, answer, expected) => {
    const node = await responder(() => answer);
    const client = await clientOf();
    expect(
      await client.place({ orderId: randomUUID(), order: ORDER, inboxOf: inTurn(node.inbox) }),
    ).toMatchObject(expected);
  });
});

describe('an order that nobody answers', () => {
  const shortly = { orderId: randomUUID(), order: ORDER, deadlineMs: 300 };

  it('was not carried out where no node could have got it', async () => {
    const client = await clientOf({ answerTimeoutMs: 60_000 });
    expect(await client.place({ ...shortly, inboxOf: inTurn(null) })).toEqual({ kind: 'unasked' });
    // The broker has to send it back before the deadline.
    const inboxOf = inTurn('inbox.dead.x');
    expect(await client.place({ ...shortly, inboxOf, deadlineMs: 2_000 })).toEqual({ kind: 'unasked' });
  });

  it('may have been carried out where one was asked', async () => {
    const silent = await responder(() => null);
    const turnsDown = await responder(() => ({ kind: 'not-owner' }));
    const client = await clientOf({ answerTimeoutMs: 500 });
    expect(await client.place({ ...shortly, inboxOf: inTurn(silent.inbox) })).toEqual({ kind: 'unanswered' });
    const inboxOf = inTurn(turnsDown.inbox, null);
    expect(await client.place({ ...shortly, inboxOf })).toEqual({ kind: 'unanswered' });
  });

  it('says so although the directory cannot be read any more, and only then', async () => {
    const silent = await responder(() => null);
    const client = await clientOf({ answerTimeoutMs: 20 });
    let looks = 0;
    const inboxOf = (): Promise<string> => {
      looks += 1;
      return looks === 1 ? Promise.resolve(silent.inbox) : Promise.reject(new Error('PostgreSQL is away'));
    };
    expect(await client.place({ ...shortly, inboxOf })).toEqual({ kind: 'unanswered' });
    await expect(client.place({ ...shortly, inboxOf })).rejects.toThrow('PostgreSQL is away');
  });

  it('ends when the connection is lost', async () => {
    const silent = await responder(() => null);
    const client = await clientOf({ answerTimeoutMs: 60_000 });
    const placed = client.place({ ...shortly, inboxOf: inTurn(silent.inbox), deadlineMs: 60_000 });
    await eventually(() => expect(silent.orders).toHaveLength(1));
    await client.close();
    expect(await placed).toEqual({ kind: 'unanswered' });
    expect(client.trouble).toContain('lost');
  });
});
