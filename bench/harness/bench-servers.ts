import pg from 'pg';
import { environment } from '../../src/config.ts';
import { migrate } from '../../src/infra/postgres/migrate.ts';
import { startGuardian, type Guardian } from '../../src/infra/services/guardian.ts';
import { addVhosts, startServers } from '../../src/infra/services/index.ts';
import type { BrokerControl, RunningServers } from '../../src/infra/services/index.ts';
import { BenchPlace } from './bench-place.ts';

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

  /** An empty, migrated ledger, an empty vhost and an empty Redis database. */
  async makePlace(): Promise<BenchPlace> {
    this.#places += 1;
    const name = `bench_${this.#places}`;
    await this.#administrate(`create database ${name} template ${TEMPLATE}`);
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
