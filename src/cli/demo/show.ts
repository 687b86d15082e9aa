import type { DriveCounts } from '../../drive/drive.ts';
import type { ReadCachedTexts } from '../../infra/redis/cache-reader.ts';
import type { Clock } from '../../ports/runtime.ts';
import { RegularLook } from '../../supervisor/regular-look.ts';
import { printError } from '../output.ts';
import { NOTHING_BACKSTAGE, type Backstage } from './backstage.ts';
import type { Figures } from './figures.ts';
import type { Screen } from './screen.ts';

export interface ShowOptions {
  readonly figures: { read(): Promise<Figures> };
  readonly readCached: ReadCachedTexts;
  readonly readBackstage: () => Promise<Backstage>;
  readonly screen: Screen;
  readonly clock: Clock;
  /** Whose balances are shown. */
  readonly accountIds: readonly string[];
  /** Told to come; null = until the signal. */
  readonly transactions: number | null;
  readonly signal: AbortSignal;
}

const SHOW_EVERY_MS = 250;

/**
 * Reads the figures four times a second and shows them.
 *
 * Owns the screen. Does not own what it reads with.
 * S1. Once `stop` or `end` has resolved nothing is read any more, however long a reading took: a timer that is left would keep
 *     the command alive for ever.
 */
export class Show {
  readonly #options: ShowOptions;
  readonly #looks: RegularLook;
  readonly #startedMs: number;
  readonly #decided: { readonly atMs: number; readonly count: number }[] = [];
  readonly #events: string[] = [];
  #published = 0;
  #chaos: { readonly killCount: number } | null = null;
  #backstage: Backstage = NOTHING_BACKSTAGE;

  constructor(options: ShowOptions) {
    const { clock } = options;
    this.#options = options;
    this.#startedMs = clock.now();
    this.#looks = new RegularLook({
      clock,
      pollMs: SHOW_EVERY_MS,
      look: async () => {
        await this.refresh();
      },
      onLost: (error) => printError(`the figures cannot be read: ${String(error)}`),
    });
  }

  start(): void {
    this.#looks.start();
  }

  published(counts: DriveCounts): void {
    this.#published = counts.messages;
  }

  get backstage(): Backstage {
    return this.#backstage;
  }

  watchChaos(chaos: { readonly killCount: number }): void {
    this.#chaos = chaos;
  }

  happened(event: string): void {
    const seconds = (this.#elapsedMs() / 1_000).toFixed(1);
    this.#events.push(`${seconds} s  ${event}`);
  }

  /** Rejects with the error of what could not be read. */
  async refresh(): Promise<Figures> {
    const { figures: reader, readCached, readBackstage, accountIds } = this.#options;
    const [figures, texts, backstage] = await Promise.all([
      reader.read(),
      readCached('account', accountIds),
      readBackstage(),
    ]);
    this.#backstage = backstage;
    this.#decided.push({ atMs: this.#elapsedMs(), count: figures.approved + figures.rejected });
    this.#draw(figures, texts);
    return figures;
  }

  /** When so many were decided, to the accuracy of a reading; null = never. */
  decidedAtMs(count: number): number | null {
    return this.#decided.find((reading) => reading.count >= count)?.atMs ?? null;
  }

  /** From now on it is read only when asked to. */
  async stop(): Promise<void> {
    await this.#looks.end();
  }

  async end(): Promise<void> {
    await this.stop();
    this.#options.screen.end();
  }

  #elapsedMs(): number {
    return this.#options.clock.now() - this.#startedMs;
  }

  #draw(figures: Figures, texts: readonly (string | null)[]): void {
    const { screen, accountIds, transactions, signal } = this.#options;
    screen.show({
      elapsedMs: this.#elapsedMs(),
      published: this.#published,
      target: transactions,
      figures,
      backstage: this.#backstage,
      kills: this.#chaos?.killCount ?? null,
      events: this.#events,
      isEnding: signal.aborted,
      balances: accountIds.map((accountId, index) => {
        const text = texts[index] ?? null;
        return { accountId, cents: text === null ? null : BigInt(text) };
      }),
    });
  }
}
