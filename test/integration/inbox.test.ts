/**
 * Without these, a dead peer would be noticed only when its lease runs out, a forward to it would be waited for in vain, or a node that
 * nobody can reach any more would hold on to its shards.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import amqp from 'amqplib';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { RabbitInbox } from '../../src/infra/rabbitmq/inbox.ts';
import { controlBroker } from '../../src/infra/services/index.ts';
import { SystemClock } from '../../src/infra/system-clock.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Flow, ReturnMeaning } from '../../src/ports/cluster.ts';
import { linkOptions } from '../support/broker-scene.ts';
import { FakeClock } from '../support/fakes/fake-clock.ts';
import { eventually, freshVhost, type TestPlace } from '../support/services.ts';

/** With a `FakeClock` pings go out when the test says so. */
interface InboxScene {
  readonly graceMs?: number;
  readonly clock?: SystemClock | FakeClock;
}

let place: TestPlace;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  place = await freshVhost();
});

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
  await place.drop();
});

function openInbox(nodeId: string, { graceMs = 100, clock = new SystemClock() }: InboxScene = {}) {
  const received: string[] = [];
  const returned: string[] = [];
  const meanings: ReturnMeaning[] = [];
  const flows: Flow[] = [];
  const options = linkOptions(place.url, `paygate/${nodeId}`);
  const name = `inbox.${nodeId}.${randomUUID()}`;
  const inbox = new RabbitInbox(
    { ...options, inbox: name, clock, graceMs },
    {
      onMessage: (body) => received.push(body.toString()),
      onReturned: (from, meaning) => {
        returned.push(from);
        meanings.push(meaning);
      },
      onFlow: (flow) => flows.push(flow),
    },
  );
  closers.push(async () => {
    await inbox.close();
    if (clock instanceof SystemClock) clock.stop();
  });
  return { inbox, name, received, returned, meanings, flows, logger: options.logger };
}

async function opened(nodeId: string, scene?: InboxScene): Promise<ReturnType<typeof openInbox>> {
  const node = openInbox(nodeId, scene);
  await node.inbox.ready();
  await eventually(() => expect([node.inbox.state(), node.inbox.flow()]).toEqual(['up', 'open']));
  return node;
}

/** A process of its own that holds an inbox; resolves when the queue is there. */
async function peerProcess(inbox: string): Promise<ChildProcess> {
  const program = `
    import amqp from 'amqplib';
    const model = await amqp.connect(process.argv[1]);
    const channel = await model.createChannel();
    await channel.assertQueue(process.argv[2], { exclusive: true, autoDelete: true, durable: false });
    await channel.consume(process.argv[2], () => undefined, { noAck: true });
    process.stdout.write('up');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, place.url, inbox], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closers.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await once(child.stdout, 'data');
  return child;
}

function controlOf(name: string): Parameters<typeof controlBroker>[0] {
  const control = inject('servers').brokerControl;
  if (control === null) throw new Error(`${name} needs a broker of ours`);
  return control;
}

it('notices that a watched peer was killed, without sending it anything', async () => {
  const a = await opened('a');
  const peer = await peerProcess('inbox.peer.1');
  a.inbox.watch(['inbox.peer.1', a.name]);
  await eventually(() => expect(a.inbox.silentMs()).toBeLessThan(1_000));
  expect(a.returned).toEqual([]);
  peer.kill('SIGKILL');
  await eventually(() => expect(a.returned).toContain('inbox.peer.1'));
  expect(new Set(a.returned)).toEqual(new Set(['inbox.peer.1']));
  expect(new Set(a.meanings)).toEqual(new Set(['gone']));
  a.inbox.watch([]);
  await eventually(() => expect(a.inbox.silentMs()).toBeLessThan(1_000));
});

it('takes nobody for dead while its own connection is new: after a restart of the broker nobody has an inbox', async () => {
  const clock = new FakeClock();
  const a = await opened('a', { graceMs: 3 * LIMITS.inboxPingMs, clock });
  a.inbox.watch(['inbox.peer.1']);
  for (const ping of [1, 2, 3]) {
    clock.advance(LIMITS.inboxPingMs);
    await eventually(() => expect(a.meanings).toHaveLength(ping));
  }
  expect(a.meanings).toEqual(['unsure', 'unsure', 'gone']);
});

it('knows that it can be reached, and stays reached while nobody sends anything', async () => {
  const clock = new FakeClock();
  const a = openInbox('a', { clock });
  expect(a.inbox.silentMs()).toBe(Infinity);
  await eventually(() => expect(a.inbox.silentMs()).toBe(0));
  for (let ping = 0; ping < 5; ping += 1) {
    clock.advance(LIMITS.inboxPingMs);
    await eventually(() => expect(a.inbox.silentMs()).toBe(0));
  }
  expect(a.received).toEqual([]);
});

it('builds its inbox again when the broker has dropped it without a word', async () => {
  const control = controlOf('dropping a queue');
  const [a, b] = await Promise.all([opened('a'), opened('b')]);
  const vhost = new URL(place.url).pathname.slice(1);
  // What a broker does that forgets the queue (rabbitmq-server#12949): neither queue process nor consumer is told.
  await controlBroker(control, [
    'eval',
    `rabbit_amqqueue:internal_delete(rabbit_misc:r(<<"${vhost}">>, queue, <<"${a.name}">>), <<"test">>).`,
  ]);
  await eventually(() => {
    b.inbox.send(a.name, Buffer.from('again'));
    expect(a.received).toContain('again');
  });
  // Not b's message that came back: the inbox may be there again before b sends the first one.
  expect(a.logger.entries.map(({ fields }) => fields['reason'])).toContain(
    'the broker does not know our inbox any more',
  );
});

it('builds its inbox again when nothing comes out of it', async () => {
  const control = controlOf('stopping a queue');
  const a = await opened('a');
  const vhost = new URL(place.url).pathname.slice(1);
  const inQueue = (call: string): string =>
    `{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"${vhost}">>, queue, <<"${a.name}">>)), ${call}(amqqueue:get_pid(Q)).`;
  await controlBroker(control, ['eval', inQueue('sys:suspend')]);
  await eventually(() => {
    const reasons = a.logger.entries.map(({ fields }) => fields['reason']);
    expect(reasons).toContainEqual(expect.stringContaining('did not come back'));
  });
  expect(a.inbox.silentMs()).toBeGreaterThan(1_000);
  await controlBroker(control, ['eval', inQueue('sys:resume')]);
  await eventually(() => expect(a.inbox.silentMs()).toBeLessThan(1_000));
});

it('builds its inbox again when it was deleted', async () => {
  const control = controlOf('deleting a queue');
  const a = await opened('a');
  const vhost = new URL(place.url).pathname.slice(1);
  await controlBroker(control, ['delete_queue', '--vhost', vhost, a.name]);
  await eventually(() => {
    a.inbox.send(a.name, Buffer.from('again'));
    expect(a.received).toContain('again');
  });
  await eventually(() => expect(a.inbox.silentMs()).toBeLessThan(1_000));
});

it('lets nobody else read what is meant for it, and takes its inbox along when it closes', async () => {
  const [a, b] = await Promise.all([opened('a'), opened('b')]);
  const stranger = await amqp.connect(place.url);
  const channel = await stranger.createChannel();
  channel.on('error', () => undefined);
  await expect(channel.consume(a.name, () => undefined)).rejects.toMatchObject({ code: 405 });
  await stranger.close();
  await a.inbox.close();
  expect(a.inbox.send(b.name, Buffer.from('x'))).toBe('away');
  // The broker removes the queue a moment after it has said goodbye to its owner.
  await eventually(() => {
    b.inbox.send(a.name, Buffer.from('x'));
    expect(b.returned).toContain(a.name);
  });
});
