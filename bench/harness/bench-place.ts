import { connect, type Channel, type ChannelModel } from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';
import { EVENTS_EXCHANGE } from '../../src/contracts/events.ts';
import { INBOUND_QUEUES } from '../../src/contracts/queues.ts';
import { GoApi } from '../../src/drive/go-api.ts';
import { balanceKey, versionKey } from '../../src/infra/redis/balance-keys.ts';
import { deleteVhost, type BrokerControl } from '../../src/infra/services/index.ts';

export interface PlaceUrls {
  readonly databaseUrl: string;
  readonly rabbitmqUrl: string;
  readonly redisUrl: string;
}

interface Removal {
  readonly name: string;
  readonly control: BrokerControl;
  readonly dropDatabase: () => Promise<void>;
}

const BALANCES_PER_WRITE = 1_000;

const LEFT = `
  select exists (select from processor.outbox) or exists (select from processor.retries) as later,
         (select count(*) from public.transactions where status = 'PENDING')::int as pending`;

/** What is still to be done; `nothing` includes the cache and the events, since their rows are in the outbox until then. */
export type StillToDo = 'messages' | 'later' | 'pending' | 'nothing';

class GoApiOfOpenAccounts extends GoApi {
  override openAccounts(): Promise<void> {
    return Promise.resolve();
  }
}

/** Where one run happens: a ledger, a vhost and a Redis database of its own, used once and removed. */
export class BenchPlace {
  readonly urls: PlaceUrls;
  readonly pool: pg.Pool;
  readonly redis: Redis;
  readonly #removal: Removal;
  #broker: { readonly model: ChannelModel; readonly channel: Channel } | null = null;

  constructor(urls: PlaceUrls, removal: Removal) {
    this.urls = urls;
    this.#removal = removal;
    this.pool = new pg.Pool({ connectionString: urls.databaseUrl, max: 4, application_name: 'bench' });
    this.redis = new Redis(urls.redisUrl, { lazyConnect: true });
  }

  /** `open`: the accounts of the traffic are there already. */
  async goApi(accounts: 'new' | 'open' = 'new'): Promise<GoApi> {
    const Api = accounts === 'open' ? GoApiOfOpenAccounts : GoApi;
    return new Api(this.pool, await this.channel());
  }

  async channel(): Promise<Channel> {
    if (this.#broker === null) {
      const model = await connect(this.urls.rabbitmqUrl, { noDelay: true });
      this.#broker = { model, channel: await model.createChannel() };
    }
    return this.#broker.channel;
  }

  /** A durable queue that gets every event, as one consumer's would; nobody reads it. */
  async bindEvents(): Promise<void> {
    const channel = await this.channel();
    await channel.assertExchange(EVENTS_EXCHANGE, 'topic', { durable: true });
    await channel.assertQueue('bench-events', { durable: true });
    await channel.bindQueue('bench-events', EVENTS_EXCHANGE, '#');
  }

  /** Messages that wait in the inbound queues, and those who read them. What a reader holds is not counted. */
  async queued(): Promise<{ readonly messages: number; readonly readers: number }> {
    const channel = await this.channel();
    const sum = { messages: 0, readers: 0 };
    for (const queue of INBOUND_QUEUES) {
      // As everybody declares them: one that is missing would close the channel.
      const { messageCount, consumerCount } = await channel.assertQueue(queue, { durable: true });
      sum.messages += messageCount;
      sum.readers += consumerCount;
    }
    return sum;
  }

  /** Asks for the dear things only when the cheap ones are done. */
  async stillToDo(): Promise<StillToDo> {
    if ((await this.queued()).messages > 0) return 'messages';
    const outbox = await this.pool.query<{ some: boolean }>(
      'select exists (select from processor.outbox) as some',
    );
    if (outbox.rows[0]?.some === true) return 'later';
    const { rows } = await this.pool.query<{ later: boolean; pending: number }>(LEFT);
    const [left] = rows;
    if (left === undefined || left.later) return 'later';
    return left.pending > 0 ? 'pending' : 'nothing';
  }

  /** What an installation that has run for a while has behind it: statistics, hint bits, a checkpoint. */
  async settleDatabase(): Promise<void> {
    await this.pool.query('vacuum (analyze) public.transactions, public.accounts, public.cards');
    await this.pool.query('vacuum (analyze) processor.accounts, processor.journal, processor.card_totals');
    await this.pool.query('checkpoint');
  }

  /** Puts all balances into Redis, as nodes would have that decided them. Of a ledger that nobody works on. */
  async cacheBalances(): Promise<void> {
    const { rows } = await this.pool.query<{ id: string; cents: string; seq: string }>(
      'select account_id as id, balance_cents::text as cents, seq::text as seq from processor.accounts',
    );
    for (let from = 0; from < rows.length; from += BALANCES_PER_WRITE) {
      const some = rows.slice(from, from + BALANCES_PER_WRITE);
      await this.redis.mset(
        some.flatMap(({ id, cents, seq }) => [
          ...[balanceKey('account', id), cents],
          ...[versionKey('account', id), seq],
        ]),
      );
    }
  }

  async remove(): Promise<void> {
    await this.leaveDatabase();
    await this.#removal.dropDatabase();
  }

  /** Everything else goes. */
  async leaveDatabase(): Promise<void> {
    await this.#broker?.model.close();
    await this.pool.end();
    await this.redis.flushdb();
    this.redis.disconnect();
    await deleteVhost(this.#removal.control, this.#removal.name);
  }
}
