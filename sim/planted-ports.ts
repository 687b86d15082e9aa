import type { LedgerPorts, ServerPorts } from '../src/node/node-core.ts';
import { shardOf } from '../src/domain/shard.ts';
import { LIMITS } from '../src/limits.ts';
import type { Clock } from '../src/ports/runtime.ts';
import type { Bug } from './planted-bugs.ts';
import type { SimTables } from './servers/sim-tables.ts';

/** For as long the epoch waits for the lock of a commit that is under way. */
const LOCK_MS = 150;

/** The ports with a bug in them; most bugs are not in these. */
export function sabotagedLedger(
  ports: LedgerPorts,
  bug: Bug | null,
  tables: SimTables,
  clock: Clock,
): LedgerPorts {
  switch (bug) {
    case 'outbox not taken over':
      ports.outbox.takeOver = () => Promise.resolve(0);
      return ports;
    case 'double retry': {
      const schedule = ports.retries.schedule.bind(ports.retries);
      ports.retries.schedule = (retries) =>
        schedule(retries.map((retry) => ({ ...retry, attempt: retry.attempt + 1 })));
      return ports;
    }
    case 'refund cap off by one': {
      const original = ports.reader.original.bind(ports.reader);
      ports.reader.original = async (id) => {
        const fact = await original(id);
        return { ...fact, refundedCents: fact.refundedCents - 1n };
      };
      return ports;
    }
    case 'bump and read in one step':
      bumpAndRead(ports, tables, clock);
      return ports;
    case 'ack before commit':
    case 'fence dropped':
    case 'repeats decided anew':
    case 'duplicate inside a batch':
    case 'forward without numbers':
    case 'giving back in reverse':
    case 'giving back at the tail':
    case 'mailbox forgotten on passivation':
    case 'stale cache write':
    case null:
      return ports;
  }
}

/** A statement that waits for a lock goes on with what it saw before: the balances are those of before the last commit. */
function bumpAndRead({ directory, reader }: LedgerPorts, tables: SimTables, clock: Clock): void {
  const views = new Map<number, { readonly states: SimTables['states']; readonly read: Set<string> }>();
  const takeOverSeen = directory.takeOverSeen.bind(directory);
  directory.takeOverSeen = async (seen) => {
    const states = new Map(tables.states);
    await new Promise<void>((resolve) => void clock.after(LOCK_MS, resolve));
    const epochs = await takeOverSeen(seen);
    for (const shard of epochs.keys()) views.set(shard, { states, read: new Set() });
    return epochs;
  };
  const account = reader.account.bind(reader);
  reader.account = async (accountId) => {
    const present = await account(accountId);
    const view = views.get(shardOf(accountId, LIMITS.shardCount));
    if (present === null || view === undefined || view.read.has(accountId)) return present;
    view.read.add(accountId);
    const { balanceCents, seq } = view.states.get(accountId) ?? { balanceCents: 0n, seq: 0n };
    return { ...present, balanceCents, seq };
  };
}

/** With the bug planted a message is acknowledged as soon as it comes. */
export function sabotagedInbound(inbound: ServerPorts['inbound'], bug: Bug | null): ServerPorts['inbound'] {
  if (bug !== 'ack before commit') return inbound;
  return {
    reader: (queue) => inbound.reader(queue),
    consume: (consumption) =>
      inbound.consume({
        ...consumption,
        onDelivery: (delivery) => {
          delivery.ack();
          consumption.onDelivery(delivery);
        },
      }),
  };
}
