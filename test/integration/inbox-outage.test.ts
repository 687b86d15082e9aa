/**
 * Without these, a broker that is out of memory or restarts could make every node take every other for dead, flood the peers with
 * what piled up meanwhile, or leave a node without an inbox. Has a broker of its own.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { RabbitInbox } from '../../src/infra/rabbitmq/inbox.ts';
import { controlBroker, startServers, type RunningServers } from '../../src/infra/services/index.ts';
import { SystemClock } from '../../src/infra/system-clock.ts';
import type { Flow } from '../../src/ports/cluster.ts';
import { linkOptions } from '../support/broker-scene.ts';
import { eventually } from '../support/services.ts';

let servers: RunningServers<'rabbitmq'>;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  servers = await startServers({ env: process.env, kinds: ['rabbitmq'], allowInstall: true });
});

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

afterAll(() => servers.stop());

async function opened(nodeId: string) {
  const received: string[] = [];
  const returned: string[] = [];
  const flows: Flow[] = [];
  const clock = new SystemClock();
  const options = linkOptions(servers.rabbitmq.url, `paygate/${nodeId}`);
  const name = `inbox.${nodeId}.${randomUUID()}`;
  const inbox = new RabbitInbox(
    { ...options, inbox: name, clock },
    {
      onMessage: (body) => received.push(body.toString()),
      onReturned: (from) => returned.push(from),
      onFlow: (flow) => flows.push(flow),
    },
  );
  closers.push(async () => {
    await inbox.close();
    clock.stop();
  });
  await inbox.ready();
  await eventually(() => expect([inbox.state(), inbox.flow()]).toEqual(['up', 'open']));
  return { inbox, name, received, returned, flows, logger: options.logger };
}

it('holds everything back during a memory alarm, counts as reached all the same, and goes on after it', async () => {
  const control = servers.brokerControl;
  if (control === null) throw new Error('the broker of this test has a rabbitmqctl');
  const [a, b] = await Promise.all([opened('a'), opened('b')]);
  a.inbox.watch([b.name]);
  b.inbox.watch([a.name]);
  const alarmedAtMs = performance.now();
  await controlBroker(control, ['set_vm_memory_high_watermark', '0.00001']);
  try {
    // The pings are what the broker answers with its warning.
    await eventually(() => expect([a.inbox.flow(), b.inbox.flow()]).toEqual(['blocked', 'blocked']));
    expect(a.inbox.send(b.name, Buffer.from('held back'))).toBe('blocked');
    const until = Date.now() + 3_000;
    await eventually(() => {
      expect([a.inbox.silentMs(), b.inbox.silentMs()]).toEqual([0, 0]);
      expect(Date.now()).toBeGreaterThan(until);
    });
  } finally {
    await controlBroker(control, ['set_vm_memory_high_watermark', '0.4']);
  }
  await eventually(() => expect([a.inbox.flow(), b.inbox.flow()]).toEqual(['open', 'open']));
  // Counted from the end of the alarm, not from its beginning.
  expect(a.inbox.silentMs()).toBeLessThan(performance.now() - alarmedAtMs - 3_000);
  expect(a.inbox.send(b.name, Buffer.from('after'))).toBe('open');
  await eventually(() => expect(b.received).toEqual(['after']));
  expect([...a.returned, ...b.returned]).toEqual([]);
  expect(a.flows).toEqual(['open', 'blocked', 'open']);
});

it('has its inbox back under the same name after a broker that was killed', async () => {
  const [a, b] = await Promise.all([opened('a'), opened('b')]);
  await servers.rabbitmq.stop('killed');
  await eventually(() => expect([a.inbox.state(), a.inbox.flow()]).toEqual(['down', 'away']));
  expect(a.inbox.send(b.name, Buffer.from('away'))).toBe('away');
  await eventually(() => expect(a.inbox.silentMs()).toBeGreaterThan(1_000));
  await servers.rabbitmq.start();
  await eventually(() => {
    a.inbox.send(b.name, Buffer.from('back'));
    expect(b.received).toContain('back');
  });
  await eventually(() => expect(a.inbox.silentMs()).toBeLessThan(1_000));
  expect(b.received).not.toContain('away');
  expect([...a.logger.messages('error'), ...b.logger.messages('error')]).toEqual([]);
});
