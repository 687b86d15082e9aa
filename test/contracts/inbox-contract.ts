/**
 * What nodes say to each other: the same over RabbitMQ and over the simulated one.
 *
 * Without this simulated nodes hear what real ones do not, or take each other for dead at other times.
 */
import { describe, expect, test } from 'vitest';
import type { Inbox, InboxEvents, ReturnMeaning } from '../../src/ports/cluster.ts';
import { eventually } from '../support/eventually.ts';

/** A broker, and nodes' inboxes on it. */
export interface InboxServer {
  open(nodeId: string, events: InboxEvents): Inbox;
}

export function describeInboxes(present: () => InboxServer): void {
  function begun(nodeId: string) {
    const received: string[] = [];
    const returned: string[] = [];
    const meanings = new Set<ReturnMeaning>();
    const flows: string[] = [];
    const inbox = present().open(nodeId, {
      onMessage: (body) => void received.push(body.toString()),
      onReturned: (from, meaning) => {
        returned.push(from);
        meanings.add(meaning);
      },
      onFlow: (flow) => void flows.push(flow),
    });
    return { inbox, received, returned, meanings, flows };
  }

  async function opened(nodeId: string): Promise<ReturnType<typeof begun>> {
    const node = begun(nodeId);
    await node.inbox.ready();
    await eventually(() => expect([node.inbox.state(), node.inbox.flow()]).toEqual(['up', 'open']));
    return node;
  }

  describe('an inbox', () => {
    test('gets the bytes of each sender in order, its own as well; an empty message is not sent', async () => {
      const [a, b] = await Promise.all([opened('a'), opened('b')]);
      for (let n = 0; n < 300; n += 1)
        expect(a.inbox.send(b.inbox.name, Buffer.from(String(n)))).toBe('open');
      a.inbox.send(a.inbox.name, Buffer.from('own'));
      await eventually(() => expect(b.received).toHaveLength(300));
      expect(b.received).toEqual(Array.from({ length: 300 }, (_, n) => String(n)));
      await eventually(() => expect(a.received).toEqual(['own']));
      expect(() => a.inbox.send(b.inbox.name, Buffer.alloc(0))).toThrow(RangeError);
      expect([a.returned, b.returned]).toEqual([[], []]);
      expect([...a.flows, ...b.flows]).toEqual(['open', 'open']);
    });

    test('that does not exist sends everything back; who sent it goes on', async () => {
      const [a, b] = await Promise.all([opened('a'), opened('b')]);
      a.inbox.send('inbox.nobody.x', Buffer.from('1'));
      a.inbox.send('inbox.nobody.x', Buffer.from('2'));
      a.inbox.send(b.inbox.name, Buffer.from('3'));
      await eventually(() => expect(b.received).toEqual(['3']));
      await eventually(() => expect(a.returned.slice(0, 2)).toEqual(['inbox.nobody.x', 'inbox.nobody.x']));
    });

    test('is known to be gone by whoever watches it, without sending it anything', async () => {
      const [a, b] = await Promise.all([opened('a'), opened('b')]);
      a.inbox.watch([b.inbox.name, a.inbox.name]);
      // The connection of a is no longer new then: what comes back is meant.
      await b.inbox.close();
      await eventually(() => expect(a.meanings).toContain('gone'));
      expect(new Set(a.returned)).toEqual(new Set([b.inbox.name]));
      expect(a.received).toEqual([]);
    });

    test('is reached by itself, again and again, and tells nobody', async () => {
      const a = begun('a');
      expect(a.inbox.silentMs()).toBe(Infinity);
      expect([a.inbox.state() === 'up', a.inbox.flow()]).toEqual([false, 'away']);
      expect(a.inbox.send('inbox.nobody.x', Buffer.from('1'))).toBe('away');
      await a.inbox.ready();
      await eventually(() => expect(a.inbox.silentMs()).toBeLessThan(1_000));
      expect([a.received, a.returned]).toEqual([[], []]);
    });

    test('that is closed sends nothing any more, and sends back what comes', async () => {
      const [a, b] = await Promise.all([opened('a'), opened('b')]);
      await a.inbox.close();
      await a.inbox.close();
      expect(a.inbox.send(b.inbox.name, Buffer.from('x'))).toBe('away');
      await eventually(() => {
        b.inbox.send(a.inbox.name, Buffer.from('x'));
        expect(b.returned).toContain(a.inbox.name);
      });
      expect(b.received).toEqual([]);
    });

    test('that is closed before it was there is waited for in vain, and says so', async () => {
      const { inbox } = begun('a');
      const outcome = expect(inbox.ready()).rejects.toThrow('closed before it was up');
      await inbox.close();
      await outcome;
    });
  });
}
