import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, inject } from 'vitest';
import { RabbitInboundQueues } from '../../src/infra/rabbitmq/inbound-queues.ts';
import { RabbitInbox } from '../../src/infra/rabbitmq/inbox.ts';
import { RabbitPublisher } from '../../src/infra/rabbitmq/publisher.ts';
import { queueStatus } from '../../src/infra/rabbitmq/queue-status.ts';
import { controlBroker } from '../../src/infra/services/broker-control.ts';
import { SystemClock } from '../../src/infra/system-clock.ts';
import { linkOptions, publishBodies } from '../support/broker-scene.ts';
import { freshVhost } from '../support/services.ts';
import type { InboxServer } from './inbox-contract.ts';
import type { QueueServer } from './queue-contract.ts';

/** Before a message that came back means that its inbox is gone: a test does not want to wait for what nodes wait for. */
const GRACE_MS = 100;

/** A vhost of its own for each test of a file. */
export function useRabbitMq(): () => QueueServer & InboxServer {
  let present: (QueueServer & InboxServer) | null = null;
  const closers: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    const vhost = await freshVhost();
    present = serverOn(vhost.url, closers);
    closers.unshift(() => vhost.drop());
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  return () => {
    if (present === null) throw new Error('no test is running');
    return present;
  };
}

function serverOn(url: string, closers: (() => Promise<void>)[]): QueueServer & InboxServer {
  const control = inject('servers').brokerControl;
  const vhost = new URL(url).pathname.slice(1);
  return {
    node: () => {
      const inbound = new RabbitInboundQueues(linkOptions(url));
      const publisher = new RabbitPublisher(linkOptions(url));
      closers.push(
        () => inbound.close(),
        () => publisher.close(),
      );
      return { inbound, publisher };
    },
    publish: (queue, bodies) => publishBodies(url, queue, bodies),
    depth: async (queue) => (await queueStatus(url, [queue])).get(queue)?.messages ?? null,
    endConnections:
      control === null
        ? null
        : async () => {
            await controlBroker(control, ['close_all_connections', '-p', vhost, 'test']);
          },
    open: (nodeId, events) => {
      const clock = new SystemClock();
      const name = `inbox.${nodeId}.${randomUUID()}`;
      const inbox = new RabbitInbox({ ...linkOptions(url), inbox: name, clock, graceMs: GRACE_MS }, events);
      closers.push(async () => {
        await inbox.close();
        clock.stop();
      });
      return inbox;
    },
  };
}
