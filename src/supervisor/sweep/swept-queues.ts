import type { InboundQueue, SourceQueue } from '../../contracts/queues.ts';
import type { Subscription } from '../../ports/broker.ts';
import type { LinkState } from '../../ports/connection.ts';
import { SWEPT_QUEUE } from './read-row.ts';
import type { SweptIntake } from './sweeper.ts';

export interface SweptQueuesOptions {
  /** What is read. */
  readonly sources: readonly SourceQueue[];
  readonly broker: {
    /** null: there is no such queue. Rejects while the broker cannot be asked. */
    queueStatus(
      queues: readonly string[],
    ): Promise<ReadonlyMap<string, { readonly messages: number } | null>>;
  };
  readonly inbound: {
    /** null: this node does not read the queue. */
    reader(queue: string): (Pick<Subscription, 'waiting'> & { state(): LinkState }) | null;
  };
}

/** The inbound queues as the sweeper asks about them: what waits in one is what the broker has and what waits in its reader here. */
export class SweptQueues implements SweptIntake {
  readonly partitioned: boolean;
  readonly #options: SweptQueuesOptions;

  constructor(options: SweptQueuesOptions) {
    this.#options = options;
    this.partitioned = options.sources.filter(({ as }) => as === SWEPT_QUEUE).length > 1;
  }

  isReading(): boolean {
    return this.#options.inbound.reader(SWEPT_QUEUE)?.state() === 'up';
  }

  async depths(): Promise<ReadonlyMap<InboundQueue, number>> {
    const { sources, broker, inbound } = this.#options;
    const found = await broker.queueStatus(sources.map(({ name }) => name));
    const depths = new Map<InboundQueue, number>();
    for (const { name, as } of sources) {
      // Asked after the broker: a message goes that way. What is in a socket just then is counted in neither.
      const here = inbound.reader(name)?.waiting() ?? 0;
      depths.set(as, (depths.get(as) ?? 0) + (found.get(name)?.messages ?? 0) + here);
    }
    return depths;
  }
}
