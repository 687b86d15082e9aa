import type { AccountActor } from '../src/actors/account-actor.ts';
import type { AccountChange } from '../src/ports/ledger.ts';
import type { LogFields } from '../src/ports/runtime.ts';
import type { Chance } from './chance.ts';
import type { Bug } from './planted-bugs.ts';
import type { SimBroker } from './servers/sim-broker.ts';
import type { Post } from './servers/sim-inbox.ts';
import type { SimRedis } from './servers/sim-redis.ts';
import type { JournalRow, OrderRow, SimTables } from './servers/sim-tables.ts';
import type { SimNode } from './sim-node.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What a node sees of the world that it runs in. */
export interface Surroundings {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly tables: SimTables;
  readonly broker: SimBroker;
  readonly redis: SimRedis;
  /** Planted by a test; null in every other run. */
  readonly bug: Bug | null;
  /** What becomes of the next message between nodes. */
  readonly post: Post;
  readonly activeAccountsMax: number;
  readonly onWritten: (rows: readonly JournalRow[], changes: readonly AccountChange[]) => void;
  readonly onOrder: (row: OrderRow, shard: number) => void;
  /** Something that the gates of the ledger stopped, and that should not have come so far. */
  readonly onFault: (promise: 2 | 3, detail: string) => void;
  readonly onActor: (actor: AccountActor) => void;
  readonly onLog: (node: SimNode, level: 'error' | 'warn', fields: LogFields, message: string) => void;
}
