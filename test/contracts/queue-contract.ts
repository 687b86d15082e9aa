/**
 * How queues are read: the same of RabbitMQ and of the simulated one.
 *
 * Without this the simulator's broker loses, repeats or reorders what the real one does not, or the other way round.
 */
import { describe, expect, test } from 'vitest';
import type { InboundQueue } from '../../src/contracts/queues.ts';
import type { InboundQueues, Publisher } from '../../src/ports/broker.ts';
import { numbered, Recorder } from '../support/broker-scene.ts';
import { eventually } from '../support/eventually.ts';

/** A broker without messages, and nodes on it. */
export interface QueueServer {
  /** Those of a node of its own, which connects. */
  node(): { readonly inbound: InboundQueues; readonly publisher: Publisher };
  publish(queue: InboundQueue, bodies: readonly string[]): Promise<void>;
  /** Messages that nobody has in hand; null: there is no such queue. */
  depth(queue: InboundQueue): Promise<number | null>;
  /** Ends all connections, as an operator can; null where that cannot be done. */
  readonly endConnections: (() => Promise<void>) | null;
}

const QUEUE = 'transactions_queue';

export function describeQueues(present: () => QueueServer): void {
  const inbound = () => present().node().inbound;
  const ready = (count: number) => eventually(async () => expect(await present().depth(QUEUE)).toBe(count));
  const came = (recorder: Recorder, count: number) =>
    eventually(() => expect(recorder.deliveries).toHaveLength(count));

  describe('a queue', () => {
    test('is read in order, and nothing is left of what was acknowledged', async () => {
      await present().publish(QUEUE, numbered(1_000));
      const recorder = new Recorder();
      const subscription = await inbound().consume(recorder.of(QUEUE, 100));
      await came(recorder, 1_000);
      expect(recorder.bodies).toEqual(numbered(1_000));
      expect(recorder.deliveries.some(({ redelivered }) => redelivered)).toBe(false);
      await eventually(() => expect(subscription.unacknowledged()).toBe(0));
      await subscription.close();
      await ready(0);
    });

    test('gets back what was not acknowledged, in its places, and gives it again as redelivered', async () => {
      await present().publish(QUEUE, numbered(100));
      const isEven = ({ body }: { readonly body: Buffer }): boolean => Number(body.toString()) % 2 === 0;
      const kept = new Recorder(isEven);
      const subscription = await inbound().consume(kept.of(QUEUE, 80));
      await came(kept, 100);
      await subscription.close();
      await ready(50);
      await present().publish(QUEUE, ['new']);
      const rest = new Recorder();
      await inbound().consume(rest.of(QUEUE));
      await came(rest, 51);
      expect(rest.bodies).toEqual([...numbered(100).filter((body) => Number(body) % 2 === 0), 'new']);
      expect(rest.deliveries.map(({ redelivered }) => redelivered)).toEqual([
        ...Array.from({ length: 50 }, () => true),
        false,
      ]);
    });

    test('hands out a window full, and goes on as it is acknowledged', async () => {
      await present().publish(QUEUE, numbered(200));
      const recorder = new Recorder(() => true);
      const subscription = await inbound().consume(recorder.of(QUEUE, 40));
      await came(recorder, 40);
      await ready(160);
      expect(subscription.unacknowledged()).toBe(40);
      for (const delivery of recorder.deliveries.slice(10, 20)) delivery.ack();
      await came(recorder, 50);
      // A second time is for nothing.
      for (const delivery of recorder.deliveries.slice(10, 20)) delivery.ack();
      await eventually(() => expect(subscription.unacknowledged()).toBe(40));
      expect(recorder.bodies).toEqual(numbered(50));
      await subscription.close();
      await ready(190);
    });

    test('whose reader is quiesced hands out nothing new, and has what still came in its place', async () => {
      await present().publish(QUEUE, numbered(300));
      const recorder = new Recorder(() => true);
      const subscription = await inbound().consume(recorder.of(QUEUE, 100));
      await came(recorder, 100);
      await subscription.quiesce();
      for (const delivery of recorder.deliveries) delivery.ack();
      await eventually(() => expect(subscription.unacknowledged()).toBe(0));
      await subscription.close();
      await subscription.close();
      expect(recorder.deliveries).toHaveLength(100);
      const rest = new Recorder();
      await inbound().consume(rest.of(QUEUE));
      await came(rest, 200);
      expect(rest.bodies).toEqual(numbered(200, 100));
    });

    test('has one reader: the next one waits, and begins with the first that was not acknowledged', async () => {
      await present().publish(QUEUE, numbered(20));
      const first = new Recorder(({ body }) => Number(body.toString()) >= 5);
      const held = await inbound().consume(first.of(QUEUE));
      await came(first, 20);
      const second = new Recorder();
      const waiting = inbound().consume(second.of(QUEUE));
      await present().publish(QUEUE, ['20']);
      await came(first, 21);
      expect(second.deliveries).toEqual([]);
      await held.close();
      await waiting;
      await came(second, 16);
      expect(second.bodies).toEqual(numbered(16, 5));
    });

    test('is read once by a node, and again after that was closed', async () => {
      const queues = inbound();
      const subscription = await queues.consume(new Recorder().of(QUEUE));
      expect(queues.reader(QUEUE)).toBe(subscription);
      await expect(queues.consume(new Recorder().of(QUEUE))).rejects.toThrow('being read already');
      await subscription.close();
      expect(queues.reader(QUEUE)).toBeNull();
      await queues.consume(new Recorder().of(QUEUE));
    });

    test('is given up by whoever waits for it', async () => {
      await inbound().consume(new Recorder().of(QUEUE));
      const queues = inbound();
      const waiting = queues.consume(new Recorder().of(QUEUE));
      const outcome = expect(waiting).rejects.toThrow('closed before it was up');
      await queues.reader(QUEUE)?.close();
      await outcome;
    });

    test('gives everything again to a reader that has lost its connection; old acknowledgements count for nothing', async (context) => {
      const { endConnections } = present();
      if (endConnections === null) return context.skip();
      await present().publish(QUEUE, numbered(10));
      const recorder = new Recorder(({ redelivered }) => !redelivered);
      const subscription = await inbound().consume(recorder.of(QUEUE));
      await came(recorder, 10);
      const old = [...recorder.deliveries];
      await endConnections();
      await came(recorder, 20);
      for (const delivery of old) delivery.ack();
      await eventually(() => expect(subscription.unacknowledged()).toBe(0));
      expect(recorder.bodies.slice(10)).toEqual(numbered(10));
      await subscription.close();
      await ready(0);
    });
  });

  describe('publishing', () => {
    test('puts a message into its queue, behind the others', async () => {
      await present().publish(QUEUE, ['a']);
      const { publisher } = present().node();
      await eventually(() => publisher.publish({ queue: QUEUE, body: Buffer.from('b'), headers: {} }));
      const recorder = new Recorder();
      await inbound().consume(recorder.of(QUEUE));
      await came(recorder, 2);
      expect(recorder.bodies).toEqual(['a', 'b']);
    });
  });
}
