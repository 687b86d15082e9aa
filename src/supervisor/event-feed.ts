import { Pacer } from '../actors/pacer.ts';
import { writeEvent } from '../contracts/events.ts';
import type { WrittenEvent } from '../contracts/events.ts';
import { ensureError } from '../domain/errors.ts';
import { eventsOf } from '../domain/told-account.ts';
import type { ToldAccount } from '../domain/told-account.ts';
import { LIMITS } from '../limits.ts';
import type { EventPublisher } from '../ports/broker.ts';
import type { Clock, Logger, Metrics } from '../ports/runtime.ts';
import type { OutboxEvents, OutboxStore } from '../ports/stores.ts';
import type { WebhookRecorder } from '../ports/webhooks.ts';

export interface EventFeedOptions {
  readonly publisher: EventPublisher;
  /** Where the events of a commit are read that nobody remembers. */
  readonly store: Pick<OutboxStore, 'events'>;
  /** Who writes down what is to be posted to webhooks; without it nothing is. */
  readonly webhooks?: WebhookRecorder | null;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

type Work = 'published' | 'read' | 'recorded';

const GATHERING = { growthMs: LIMITS.eventGatherGrowthMs, mostMs: LIMITS.eventGatherMsMax };

const WORDS: Readonly<Record<Work, string>> = {
  published: 'events could not be published, trying again',
  read: 'events could not be read, trying again',
  recorded: 'events could not be written down for webhooks, trying again',
};

/** Of a part. */
interface Begun {
  /** By type. */
  readonly counts: ReadonlyMap<string, number>;
  readonly recorded: Promise<void>;
  /** As often as it takes. */
  readonly publish: () => Promise<void>;
}

interface Item {
  readonly outboxId: bigint;
  /** null: to be read from the ledger. */
  readonly told: readonly ToldAccount[] | null;
  readonly decisions: number;
  readonly confirmed: Promise<void>;
  readonly confirm: () => void;
}

/**
 * Publishes the events of commits, in the order in which it is told of them.
 *
 * Owns what is to be told of an outbox row from `tell` until its promise resolves. Does not delete rows.
 * E1. `tell` resolves after the broker has confirmed every event of the row, and what webhooks are to be told of it is in the
 *     ledger. It never rejects.
 * E2. One part is unconfirmed at a time, and one that was not taken is published again, whole and first: events of a type
 *     leave this node in order of seq within an account, some perhaps twice. Under load those of several commits go together.
 * E3. Nothing is forgotten for want of memory: beyond `eventDecisionsMax` only the row's id is kept.
 */
export class EventFeed {
  readonly #options: EventFeedOptions;
  /** In the order of publication. */
  readonly #items = new Map<bigint, Item>();
  readonly #pacer: Pacer;
  #decisions = 0;
  #phase: 'idle' | 'telling' = 'idle';
  readonly #whenEmpty: (() => void)[] = [];

  constructor(options: EventFeedOptions) {
    this.#options = options;
    this.#pacer = new Pacer({ ...GATHERING, clock: options.clock, send: () => this.#tellNext() });
  }

  /** Outbox rows whose events are not confirmed. */
  get waitingCount(): number {
    return this.#items.size;
  }

  get isFull(): boolean {
    return this.#items.size >= LIMITS.eventRowsMax;
  }

  /** Whether the broker takes events now. */
  get isOpen(): boolean {
    return this.#options.publisher.state() === 'up';
  }

  /** `told`: of a commit; null: whatever the row says. A row that waits already is told once. */
  tell(outboxId: bigint, told: readonly ToldAccount[] | null): Promise<void> {
    const waiting = this.#items.get(outboxId);
    if (waiting !== undefined) return waiting.confirmed;
    const decisions = told?.reduce((sum, account) => sum + account.decisions.length, 0) ?? 0;
    const fits = this.#decisions + decisions <= LIMITS.eventDecisionsMax;
    let confirm: () => void = () => undefined;
    const confirmed = new Promise<void>((resolve) => (confirm = resolve));
    const item = fits ? { told, decisions } : { told: null, decisions: 0 };
    this.#items.set(outboxId, { outboxId, ...item, confirmed, confirm });
    this.#decisions += item.decisions;
    this.#wake();
    return confirmed;
  }

  /** Resolves when nothing waits, however long that takes. */
  async drain(): Promise<void> {
    if (this.#items.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  #wake(): void {
    if (this.#phase === 'idle') this.#pacer.schedule();
  }

  /** Gives the number of decisions, as far as they are in memory. */
  #tellNext(): number {
    const portion = this.#portion();
    this.#phase = 'telling';
    void this.#tell(portion);
    return portion.reduce((sum, { decisions }) => sum + decisions, 0);
  }

  async #tell(portion: readonly Item[]): Promise<void> {
    try {
      await this.#tellAll(portion);
      for (const item of portion) this.#end(item);
    } catch (error) {
      // A mistake of ours: the rows stay, and nobody takes them over before we are gone.
      this.#options.logger.error({ err: error, rows: portion.length }, 'events could not be told');
      for (const { outboxId, decisions } of portion) {
        this.#items.delete(outboxId);
        this.#decisions -= decisions;
      }
    }
    this.#phase = 'idle';
    if (this.#items.size > 0) this.#wake();
    else for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** What waits in memory at the head, or some of what must be read. */
  #portion(): readonly Item[] {
    const portion: Item[] = [];
    let inMemory: boolean | null = null;
    for (const item of this.#items.values()) {
      const isInMemory = item.told !== null;
      inMemory ??= isInMemory;
      if (isInMemory !== inMemory || (!inMemory && portion.length === LIMITS.eventRowsReadMax)) break;
      portion.push(item);
      if (portion.length === LIMITS.eventBatchMax) break;
    }
    return portion;
  }

  #end({ outboxId, decisions, confirm }: Item): void {
    this.#items.delete(outboxId);
    this.#decisions -= decisions;
    confirm();
  }

  async #tellAll(portion: readonly Item[]): Promise<void> {
    for (const part of partsOf(await this.#read(portion))) await this.#tellPart(part);
  }

  async #tellPart(part: readonly OutboxEvents[]): Promise<void> {
    const { counts, recorded, publish } = this.#begin(part);
    const count = [...counts.values()].reduce((all, ofType) => all + ofType, 0);
    await this.#again('published', count, publish);
    await recorded;
    for (const [type, ofType] of counts) this.#options.metrics.eventsPublished(type, ofType);
  }

  /**
   * What is written is not kept while the broker's confirm is awaited, but written again if none comes: events are four times as
   * large as what they are written from, and the collector would move them twice.
   */
  #begin(part: readonly OutboxEvents[]): Begun {
    let written: readonly WrittenEvent[] | null = writtenEvents(part);
    const counts = countsOf(written);
    const recorded = this.#record(written);
    // Heard of when the broker has confirmed.
    recorded.catch(() => undefined);
    const publish = (): Promise<void> => {
      const events = written ?? writtenEvents(part);
      written = null;
      return this.#options.publisher.publish(events);
    };
    return { counts, recorded, publish };
  }

  async #record(events: readonly WrittenEvent[]): Promise<void> {
    const { webhooks } = this.#options;
    if (webhooks != null) await this.#again('recorded', events.length, () => webhooks.record(events));
  }

  async #read(portion: readonly Item[]): Promise<readonly OutboxEvents[]> {
    if (portion[0]?.told != null) return portion.map(({ told }) => ({ accounts: told ?? [], events: [] }));
    const ids = portion.map(({ outboxId }) => outboxId);
    return this.#again('read', ids.length, () => this.#options.store.events(ids));
  }

  /** Until it goes through. */
  async #again<T>(what: Work, count: number, work: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await work();
      } catch (error) {
        await this.#failed(what, count, failures, ensureError(error));
      }
    }
  }

  #failed(what: Work, count: number, failures: number, error: Error): Promise<void> {
    const { metrics, logger, clock } = this.#options;
    if (what === 'published') metrics.eventsFailed(count);
    const delayMs = Math.min(LIMITS.storeBackoffMsMax, LIMITS.storeBackoffMsMin * 2 ** (failures - 1));
    // The first says what happened, the hundredth that it still does; the counter has them all.
    if (failures % 100 === 1) {
      const fields = { err: error, waiting: this.#items.size, failures, delay_ms: delayMs };
      logger.warn(fields, WORDS[what]);
    }
    return new Promise((resolve) => void clock.after(delayMs, resolve));
  }
}

function writtenEvents(part: readonly OutboxEvents[]): readonly WrittenEvent[] {
  const written: WrittenEvent[] = [];
  for (const { accounts, events } of part) {
    for (const account of accounts) for (const event of eventsOf(account)) written.push(event);
    for (const event of events) written.push(writeEvent(event));
  }
  return written;
}

/** By type. */
function countsOf(events: readonly WrittenEvent[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { type } of events) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

/** Parts of `eventBatchMax` decisions and balances or a little more: what an account has in a commit stays together. */
function* partsOf(rows: readonly OutboxEvents[]): Generator<readonly OutboxEvents[]> {
  let part: OutboxEvents[] = [];
  let size = 0;
  for (const { accounts, events } of rows) {
    let ofRow: ToldAccount[] = [];
    for (const account of accounts) {
      ofRow.push(account);
      size += account.decisions.length + 1;
      if (size < LIMITS.eventBatchMax) continue;
      yield [...part, { accounts: ofRow, events: [] }];
      part = [];
      ofRow = [];
      size = 0;
    }
    part.push({ accounts: ofRow, events });
    size += events.length;
  }
  if (size > 0) yield part;
}
