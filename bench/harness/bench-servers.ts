import pg from 'pg';
import { environment } from '../../src/config.ts';
import { migrate } from '../../src/infra/postgres/migrate.ts';
import { startGuardian, type Guardian } from '../../src/infra/services/guardian.ts';
import { addVhosts, startServers } from '../../src/infra/services/index.ts';
import type { BrokerControl, RunningServers } from '../../src/infra/services/index.ts';
import { BenchPlace } from './bench-place.ts';
import type { FillSurroundings, PreparedLedger } from './prepared-ledger.ts';

const TEMPLATE = 'bench_template';

/**
 * PostgreSQL, RabbitMQ and Redis of this bench alone, and the places that are made on them.
 *
 * Owns the servers and a guardian that ends what the bench started, also when the bench gets a SIGKILL. Whatever the environment
 * says of other servers is never looked at.
 */
export class BenchServers {
  readonly running: RunningServers;
  readonly guardian: Guardian;
  readonly #control: BrokerControl;
  /** Databases that are only copied. */
  readonly #prepared = new Set<string>();
  #places = 0;

  private constructor(running: RunningServers, control: BrokerControl, guardian: Guardian) {
    this.running = running;
    this.#control = control;
    this.guardian = guardian;
  }

  static async start(onProgress: (line: string) => void): Promise<BenchServers> {
    const running = await startServers({ env: environment(), allowInstall: true, onProgress });
    try {
      const { brokerControl } = running;
      if (brokerControl === null) throw new Error('there is no broker to make places on');
      const servers = new BenchServers(running, brokerControl, await startGuardian());
      await servers.#makeTemplate();
      return servers;
    } catch (error) {
      await running.stop();
      throw error;
    }
  }

  /** A migrated ledger, empty or a copy of the prepared one, an empty vhost and a Redis database with the ledger's balances. */
  async makePlace(
    prepared: PreparedLedger | null = null,
    surroundings: FillSurroundings | null = null,
  ): Promise<BenchPlace> {
    if (prepared === null || surroundings === null) return this.#makePlace(TEMPLATE);
    if (!this.#prepared.has(prepared.name)) await this.#prepare(prepared, surroundings);
    const place = await this.#makePlace(prepared.name);
    await place.cacheBalances();
    return place;
  }

  async #prepare(ledger: PreparedLedger, surroundings: FillSurroundings): Promise<void> {
    const place = await this.#makePlace(TEMPLATE, ledger.name);
    try {
      await ledger.fill(place, surroundings);
    } catch (error) {
      await place.remove();
      throw error;
    }
    await place.leaveDatabase();
    this.#prepared.add(ledger.name);
  }

  async #makePlace(template: string, name = `bench_${this.#places + 1}`): Promise<BenchPlace> {
    this.#places += 1;
    // Copied file by file: the log would have to hold a large one twice.
    await this.#administrate(`create database ${name} template ${template} strategy file_copy`);
    await addVhosts(this.#control, [name]);
    const at = (url: string, path: string): string => Object.assign(new URL(url), { pathname: path }).href;
    const { postgres, rabbitmq, redis } = this.running;
    return new BenchPlace(
      {
        databaseUrl: at(postgres.url, name),
        rabbitmqUrl: at(rabbitmq.url, name),
        redisUrl: at(redis.url, String(this.#places)),
      },
      {
        name,
        control: this.#control,
        dropDatabase: () => this.#administrate(`drop database ${name} with (force)`),
      },
    );
  }

  async stop(): Promise<void> {
    await this.running.stop();
    this.guardian.tell({ order: 'dismiss' });
  }

  async #makeTemplate(): Promise<void> {
    await this.#administrate(`create database ${TEMPLATE}`);
    const template = Object.assign(new URL(this.running.postgres.url), { pathname: TEMPLATE });
    await migrate(template.href);
  }

  async #administrate(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.running.postgres.url });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }
}
