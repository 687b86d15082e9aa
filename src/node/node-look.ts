import type { NodeLook } from '../infra/metrics-look.ts';
import { readLedgerFigures } from '../infra/postgres/ledger-figures.ts';
import type { LedgerFigures } from '../infra/postgres/ledger-figures.ts';
import { within } from '../infra/within.ts';
import { LIMITS } from '../limits.ts';
import type { LinkState } from '../ports/connection.ts';
import type { Logger } from '../ports/runtime.ts';
import { countByState, mailboxTotals } from '../supervisor/mailbox-survey.ts';
import type { MailboxTotals } from '../supervisor/mailbox-survey.ts';
import type { LedgerConnections, LinkedServers } from './connections.ts';
import type { NodeParts } from './node-parts.ts';
import type { NodeRuntime } from './node-runtime.ts';

export interface NodeLookOptions {
  readonly runtime: () => NodeRuntime;
  readonly isReady: () => boolean;
  readonly nowMs: () => number;
  readonly logger: Logger;
}

/** Looks at a node. The ledger is asked at most once a second, however many ask, and is waited for `ledgerLookTimeoutMs`. */
export class NodeLooker {
  readonly #options: NodeLookOptions;
  #figures: Promise<LedgerFigures | null> = Promise.resolve(null);
  #askedAtMs = -Infinity;

  constructor(options: NodeLookOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async look(): Promise<NodeLook> {
    const ledger = await this.#ledgerFigures();
    const { runtime, isReady } = this.#options;
    const present = runtime().parts;
    const supervision = present?.supervision;
    const rows = supervision?.watch.rows ?? [];
    return {
      ready: isReady(),
      connections: this.#connections(present),
      ...this.#actors(present),
      held: supervision?.router.heldCount ?? 0,
      taken: supervision?.desk.takenCount ?? 0,
      shardsUnowned: rows.length === 0 ? null : rows.filter(({ owner }) => owner === null).length,
      intakePaused: supervision?.watch.pause != null,
      ledger,
    };
  }

  /** Seconds since the oldest command came that waits for its decision; 0: none waits. Walks the active accounts. */
  oldestCommandAgeSeconds(): number {
    const { runtime, nowMs } = this.#options;
    const { parts } = runtime();
    return this.#oldestAgeMs(parts, mailboxTotals(parts?.supervision.region.actors ?? [], nowMs())) / 1_000;
  }

  #ledgerFigures(): Promise<LedgerFigures | null> {
    const { runtime, nowMs, logger } = this.#options;
    const { ledger, parts } = runtime();
    if (parts === null) return Promise.resolve(null);
    if (nowMs() - this.#askedAtMs >= LIMITS.ledgerLookMs) {
      this.#askedAtMs = nowMs();
      this.#figures = inTime(readLedgerFigures(ledger.pool), logger);
    }
    return this.#figures;
  }

  #actors(parts: NodeParts | null) {
    const { actors = [] } = parts?.supervision.region ?? {};
    const mailboxes = mailboxTotals(actors, this.#options.nowMs());
    return {
      actors: countByState(actors),
      mailboxCommands: mailboxes.total,
      mailboxCommandsMax: mailboxes.max,
      oldestCommandAgeSeconds: this.#oldestAgeMs(parts, mailboxes) / 1_000,
    };
  }

  /** Commands wait in mailboxes, in the router while a shard changes hands, and for other nodes. */
  #oldestAgeMs(parts: NodeParts | null, mailboxes: MailboxTotals): number {
    const { router, forwarder } = parts?.supervision ?? {};
    const nowMs = this.#options.nowMs();
    const elsewhere = [router?.oldestReceivedAtMs, forwarder?.oldestReceivedAtMs];
    return Math.max(mailboxes.oldestMs, ...elsewhere.map((arrivalMs) => nowMs - (arrivalMs ?? nowMs)));
  }

  #connections(parts: NodeParts | null): NodeLook['connections'] {
    const runtime = this.#options.runtime();
    const { postgresql, rabbitmq, redis } = runtime.dependencies();
    return {
      postgresql: { state: postgresql, open: openToPostgres(runtime.ledger) },
      rabbitmq: { state: rabbitmq, open: parts === null ? 0 : openToRabbit(parts.servers) },
      redis: { state: redis, open: parts === null ? 0 : openToRedis(parts.servers) },
    };
  }
}

/** null: it did not answer in time, or not at all. */
async function inTime(reading: Promise<LedgerFigures>, logger: Logger): Promise<LedgerFigures | null> {
  const found: { figures: LedgerFigures | null } = { figures: null };
  await within(LIMITS.ledgerLookTimeoutMs, async () => {
    try {
      found.figures = await reading;
    } catch (error) {
      logger.debug({ err: error }, 'the figures of the ledger could not be read');
    }
  });
  return found.figures;
}

function openToPostgres({ pool, directoryPool, ledgers }: LedgerConnections): number {
  return pool.totalCount + directoryPool.totalCount + ledgers.filter(({ isOpen }) => isOpen).length;
}

function openToRabbit({ inbox, publisher, inbound }: LinkedServers): number {
  const own = [inbox.state() === 'up', inbox.flow() !== 'away', isOpen(publisher.state())];
  return own.filter(Boolean).length + inbound.openCount;
}

function openToRedis({ cache, membership, retryClock }: LinkedServers): number {
  return [cache, membership, retryClock].filter((client) => isOpen(client.state())).length;
}

function isOpen(state: LinkState): boolean {
  return state === 'up' || state === 'blocked';
}
