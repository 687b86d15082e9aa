import type pg from 'pg';
import type { Announcement } from '../../domain/announcement.ts';
import type { AnnouncementStore } from '../../ports/stores.ts';

export interface AnnouncementOptions {
  /** Of this run of the node: marks the outbox rows as ours. */
  readonly incarnation: string;
  /** `off`: nothing is written. */
  readonly events: 'on' | 'off';
}

/**
 * Events that no journal row tells, as outbox rows of their own (`processor.announce`).
 *
 * Other stores write them in the commit of what they tell of, with `parameters`, and say so with `committed` afterwards.
 * A row that nobody was told of is taken over like one of an incarnation that is gone.
 */
export class Announcements implements AnnouncementStore {
  readonly #pool: pg.Pool;
  readonly #options: AnnouncementOptions;
  #listener: (outboxId: bigint) => void = () => undefined;

  /** Writes nothing. */
  static silent(pool: pg.Pool): Announcements {
    return new Announcements(pool, { incarnation: '00000000-0000-0000-0000-000000000000', events: 'off' });
  }

  constructor(pool: pg.Pool, options: AnnouncementOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  onAnnounced(listener: (outboxId: bigint) => void): void {
    this.#listener = listener;
  }

  async announce(announcements: readonly Announcement[]): Promise<void> {
    this.committed(await this.write(this.#pool, announcements));
  }

  /** As part of whatever `client` has open; the outbox row, null: there is nothing to tell. */
  async write(
    client: Pick<pg.ClientBase, 'query'> | pg.Pool,
    announcements: readonly Announcement[],
  ): Promise<string | null> {
    if (this.#options.events === 'off' || announcements.length === 0) return null;
    const { rows } = await client.query<{ id: string | null }>(ANNOUNCE, this.parameters(announcements));
    return rows[0]?.id ?? null;
  }

  /** The two parameters of `processor.announce`. */
  parameters(announcements: readonly Announcement[]): [writer: string, events: string] {
    const { incarnation, events } = this.#options;
    return [
      incarnation,
      events === 'off' ? '[]' : JSON.stringify(announcements).replaceAll('\\u0000', '\\ufffd'),
    ];
  }

  committed(outboxId: string | null): void {
    if (outboxId !== null) this.#listener(BigInt(outboxId));
  }
}

const ANNOUNCE = 'select processor.announce($1, $2)::text as id';
