import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { InboundQueue } from '../../../src/contracts/queues.ts';
import { Traffic, TRAFFIC_DEFAULTS } from '../../../src/drive/traffic.ts';
import type { TrafficOptions } from '../../../src/drive/traffic.ts';
import { migrate } from '../../../src/infra/postgres/migrate.ts';
import type { Guardian } from '../../../src/infra/services/guardian.ts';
import { addVhosts, controlBroker } from '../../../src/infra/services/index.ts';
import type { RunningServers } from '../../../src/infra/services/index.ts';
import { eventually } from '../../support/eventually.ts';
import { ClusterNode, tail } from './cluster-node.ts';
import { Producer } from './producer.ts';
import { TcpProxy } from './tcp-proxy.ts';

export interface SceneOptions {
  /** `proxied`: every node reaches every server by a proxy of its own, so that it can be cut off. */
  readonly links?: 'direct' | 'proxied';
  /** How messages are published: `persistent` where the broker restarts. */
  readonly delivery?: 'transient' | 'persistent';
  readonly traffic?: Partial<TrafficOptions>;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the nodes when we are gone, also by a SIGKILL. */
  readonly guardian?: Guardian;
  /** A directory where the logs of the nodes stay. */
  readonly keptLogs?: string | undefined;
}

export type Dependency = 'postgres' | 'rabbitmq' | 'redis';
export type Links = Readonly<Record<Dependency, TcpProxy>>;

/**
 * Everything is on one queue, in the live shape but for unknown cards: then what the stream expects of each transaction
 * is what order demands, to the cent.
 */
const TRAFFIC: TrafficOptions = {
  ...TRAFFIC_DEFAULTS,
  seed: 'cluster',
  run: 'run',
  accounts: 60,
  documentedShare: 0,
  balanceRequestsShare: 0.005,
};

/** A directory where the logs of the nodes stay, to be looked at afterwards. */
const KEPT_LOGS = process.env['PAYGATE_TEST_LOGS'];

const CALM = { timeoutMs: 90_000, pollMs: 100 };

let scenes = 0;

/**
 * A ledger, a vhost and a Redis database, the nodes that work on them, and the stream that was sent to them.
 *
 * Owns the node processes, their proxies and logs; not the servers.
 */
export class ClusterScene {
  readonly servers: RunningServers;
  readonly pool: pg.Pool;
  readonly redis: Redis;
  readonly rabbitmqUrl: string;
  readonly redisUrl: string;
  readonly producer: Producer;
  readonly traffic: Traffic;
  readonly nodes = new Map<string, ClusterNode>();
  readonly #vhost: string;
  readonly #databaseUrl: string;
  readonly #options: SceneOptions;
  readonly #links = new Map<string, Links>();
  readonly #logs: string;

  private constructor(servers: RunningServers, name: string, number: number, options: SceneOptions) {
    const inPlace = (url: string, path: string): string =>
      Object.assign(new URL(url), { pathname: path }).href;
    this.servers = servers;
    this.#options = options;
    this.#logs = mkdtempSync(join(options.keptLogs ?? KEPT_LOGS ?? tmpdir(), 'paygate-cluster-'));
    this.#vhost = name;
    this.#databaseUrl = inPlace(servers.postgres.url, name);
    this.rabbitmqUrl = inPlace(servers.rabbitmq.url, name);
    this.redisUrl = inPlace(servers.redis.url, String(number));
    this.pool = new pg.Pool({
      connectionString: this.#databaseUrl,
      max: 8,
      application_name: 'cluster-test',
    });
    // Connections that a fault ends: the next query reports them.
    this.pool.on('error', () => undefined);
    this.pool.on('connect', (client) => client.on('error', () => undefined));
    this.redis = new Redis(this.redisUrl, { commandTimeout: 5_000 });
    this.redis.on('error', () => undefined);
    const delivery = options.delivery ?? 'transient';
    this.producer = new Producer({ pool: this.pool, rabbitmqUrl: this.rabbitmqUrl, delivery });
    this.traffic = new Traffic({ ...TRAFFIC, ...options.traffic });
  }

  /** Empty places on these servers, migrated; no node yet. */
  static async prepare(servers: RunningServers, options: SceneOptions = {}): Promise<ClusterScene> {
    scenes += 1;
    const name = `scene${scenes}`;
    const administrator = new pg.Client({ connectionString: servers.postgres.url });
    await administrator.connect();
    await administrator.query(`create database ${name}`);
    await administrator.end();
    if (servers.brokerControl === null) throw new Error('the broker is not ours');
    await addVhosts(servers.brokerControl, [name]);
    const scene = new ClusterScene(servers, name, scenes, options);
    await migrate(scene.#databaseUrl);
    return scene;
  }

  node(nodeId: string): ClusterNode {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new Error(`${nodeId} does not run`);
    return node;
  }

  /** Starts these nodes at the same time; resolves when all say that they are ready. */
  async start(...nodeIds: readonly string[]): Promise<void> {
    await Promise.all(nodeIds.map((nodeId) => this.#start(nodeId)));
  }

  /** One that was there before, with its admin port at this address again. */
  async startAt(nodeId: string, address: string): Promise<void> {
    await this.#start(nodeId, { HTTP_PORT: new URL(address).port });
  }

  /** SIGKILL to all of them at the same moment. */
  async kill(...nodeIds: readonly string[]): Promise<void> {
    const killed = nodeIds.map((nodeId) => this.node(nodeId).kill());
    for (const nodeId of nodeIds) this.nodes.delete(nodeId);
    await Promise.all(killed);
  }

  /** SIGTERM; it must end in good order. */
  async leave(nodeId: string): Promise<void> {
    const node = this.node(nodeId);
    this.nodes.delete(nodeId);
    const code = await node.leave();
    assert.equal(code, 0, `exit code of ${nodeId}`);
  }

  linksOf(nodeId: string): Links {
    const links = this.#links.get(nodeId);
    if (links === undefined) throw new Error('the links of this scene are direct');
    return links;
  }

  control(...args: readonly string[]): Promise<string> {
    if (this.servers.brokerControl === null) throw new Error('the broker is not ours');
    return controlBroker(this.servers.brokerControl, args);
  }

  closeBrokerConnections(): Promise<string> {
    return this.control('close_all_connections', '--vhost', this.#vhost, 'a test of ours');
  }

  /** Ends all connections of the nodes to PostgreSQL. */
  async terminateBackends(): Promise<void> {
    await this.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name like 'paygate:%'`,
    );
  }

  /** Shards by the name of the node that owns them; those of nobody under ''. */
  async shardsByOwner(): Promise<ReadonlyMap<string, readonly number[]>> {
    const { rows } = await this.pool.query<{ node: string; shards: number[] }>(
      `select coalesce(split_part(owner, ':', 1), '') as node, array_agg(shard order by shard) as shards
         from processor.shards group by 1`,
    );
    return new Map(rows.map(({ node, shards }) => [node, shards]));
  }

  /** Name of the node that reads a queue, by its lease; null: none, or one that owns no shard yet. */
  async readerOf(queue: InboundQueue): Promise<string | null> {
    const incarnation = await this.redis.get(`paygate:lease:ingest:${queue}`);
    if (incarnation === null) return null;
    const record = await this.redis.get(`paygate:node:${incarnation}`);
    return record === null ? null : (JSON.parse(record) as { readonly nodeId: string }).nodeId;
  }

  async reader(): Promise<string> {
    return eventually(async () => {
      const reader = await this.readerOf('transactions_queue');
      if (reader === null) throw new Error('nobody reads transactions_queue');
      return reader;
    }, CALM);
  }

  /** A node that owns shards and does not read `transactions_queue`. */
  async ownerOnly(): Promise<string> {
    const reader = await this.reader();
    const owners = [...(await this.shardsByOwner()).keys()].sort();
    const owner = owners.find((nodeId) => nodeId !== reader && this.nodes.has(nodeId));
    if (owner === undefined) throw new Error('no node owns shards beside the one that reads');
    return owner;
  }

  /** Resolves when the running nodes, and nobody else, own all shards in fair shares, and somebody reads. */
  async settled(): Promise<void> {
    const fair = Math.floor(256 / this.nodes.size / 2);
    await eventually(async () => {
      const owned = await this.shardsByOwner();
      assert.deepEqual([...owned.keys()].sort(), [...this.nodes.keys()].sort(), 'nodes that own shards');
      for (const [nodeId, shards] of owned)
        assert(shards.length >= fair, `${nodeId} owns ${shards.length} shards`);
      const reader = await this.readerOf('transactions_queue');
      assert(
        reader !== null && this.nodes.has(reader),
        `transactions_queue is read by ${reader ?? 'nobody'}`,
      );
    }, CALM);
  }

  /** Ends of the nodes' logs, for the report of a failure. */
  logs(): string {
    const files = readdirSync(this.#logs).sort();
    return files.map((file) => `--- ${file}\n${tail(join(this.#logs, file))}`).join('\n');
  }

  async stop(): Promise<void> {
    await this.kill(...this.nodes.keys());
    await this.producer.close();
    this.redis.disconnect();
    await this.pool.end();
    for (const links of this.#links.values())
      await Promise.all(Object.values(links).map((proxy) => proxy.close()));
    if ((this.#options.keptLogs ?? KEPT_LOGS) === undefined) rmSync(this.#logs, { recursive: true });
  }

  async #start(nodeId: string, settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const env = {
      LOG_LEVEL: 'info',
      RETRY_DELAY_MS: '200',
      DRAIN_TIMEOUT_MS: '40000',
      ...(await this.#urlsFor(nodeId)),
      ...this.#options.env,
      ...settings,
    };
    const { guardian } = this.#options;
    this.nodes.set(
      nodeId,
      await ClusterNode.start({ nodeId, env, logFile: this.#logFile(nodeId), guardian }),
    );
  }

  #logFile(nodeId: string): string {
    return join(this.#logs, `${nodeId}.log`);
  }

  async #urlsFor(nodeId: string): Promise<Record<string, string>> {
    const direct = {
      DATABASE_URL: this.#databaseUrl,
      RABBITMQ_URL: this.rabbitmqUrl,
      REDIS_URL: this.redisUrl,
    };
    if (this.#options.links !== 'proxied') return direct;
    const links = this.#links.get(nodeId) ?? {
      postgres: await TcpProxy.inFrontOf(direct.DATABASE_URL),
      rabbitmq: await TcpProxy.inFrontOf(direct.RABBITMQ_URL),
      redis: await TcpProxy.inFrontOf(direct.REDIS_URL),
    };
    this.#links.set(nodeId, links);
    return {
      DATABASE_URL: links.postgres.through(direct.DATABASE_URL),
      RABBITMQ_URL: links.rabbitmq.through(direct.RABBITMQ_URL),
      REDIS_URL: links.redis.through(direct.REDIS_URL),
    };
  }
}
