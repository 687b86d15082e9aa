/**
 * Without this: passwords and payments travel in the open although somebody asked for TLS, or to whoever answers at the address;
 * a person with a wrong certificate is told nothing that helps.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeError } from '../../src/cli/describe-error.ts';
import { loadConfig } from '../../src/config.ts';
import { createPool } from '../../src/infra/postgres/pool.ts';
import { queueStatus } from '../../src/infra/rabbitmq/queue-status.ts';
import { withRedisClient } from '../../src/infra/redis/one-shot-client.ts';
import { startServers, type RunningServers } from '../../src/infra/services/start-servers.ts';
import { peerFetch } from '../../src/infra/http/peer-fetch.ts';
import { certificatePlace, type CertificateAuthority } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { paygate, startPaygateNode, type PaygateNode } from '../support/paygate.ts';
import { serveTls, type Shown } from '../support/tls-servers.ts';

const KINDS = ['postgres', 'redis', 'rabbitmq'] as const;
type Kind = (typeof KINDS)[number];
type Environment = Readonly<Record<string, string>>;

const certificates = certificatePlace();
let servers: RunningServers;
let ours: CertificateAuthority;
let foreign: CertificateAuthority;
/** What a client needs that does everything right. */
let right: Environment;

const VARIABLES: Readonly<Record<Kind, string>> = {
  postgres: 'DATABASE_URL',
  redis: 'REDIS_URL',
  rabbitmq: 'RABBITMQ_URL',
};

async function shown(
  hosts: readonly string[],
  more: Partial<Shown> & { validity?: 'expired' } = {},
): Promise<Shown> {
  const { validity = 'valid', ...rest } = more;
  const name = `${validity}-${hosts.join('-')}`;
  return { ...(await ours.issue({ name, hosts, validity })), clientCaFile: null, ...rest };
}

/** Connects to one server the way nodes and commands do, and asks it something. Rejects with what a person is told. */
async function visit(kind: Kind, url: string, settings: Environment): Promise<void> {
  const env = { ...settings, [VARIABLES[kind]]: url };
  try {
    const config = loadConfig(env);
    if (kind === 'postgres') {
      const pool = createPool(
        { databaseUrl: config.databaseUrl, applicationName: 'visit', connectionsMax: 1 },
        { warn: () => undefined },
      );
      try {
        const { rows } = await pool.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
        expect(rows).toEqual([{ ssl: true }]);
      } finally {
        await pool.end();
      }
    } else if (kind === 'redis') await withRedisClient(config.redisUrl, (client) => client.ping());
    else await queueStatus(config.rabbitmqUrl, ['transactions_queue']);
  } catch (error) {
    throw new Error(describeError(error, env).message, { cause: error });
  }
}

async function accountIds(): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: servers.postgres.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>('select account_id as id from processor.accounts');
    return rows.map(({ id }) => id);
  } finally {
    await client.end();
  }
}

const withMode = (
  kind: Kind,
  url: string,
  mode: string | null = kind === 'postgres' ? 'verify-full' : null,
): string => (mode === null ? url : `${url}?sslmode=${mode}`);

beforeAll(async () => {
  servers = await startServers({ env: process.env, allowInstall: true });
  ours = await certificates.authority('ours');
  foreign = await certificates.authority('foreign');
  const client = await ours.issue({ name: 'client' });
  right = { TLS_CA_FILE: ours.caFile, TLS_CERT_FILE: client.certFile, TLS_KEY_FILE: client.keyFile };
}, 180_000);

afterAll(async () => {
  await servers.stop();
  certificates.remove();
}, 60_000);

describe.each(KINDS)('%s', (kind) => {
  it('is spoken to over TLS, and believed only if it is the one of the URL', async () => {
    const url = await serveTls[kind](servers, await shown(['127.0.0.1']));
    const ca = { TLS_CA_FILE: ours.caFile };
    await visit(kind, withMode(kind, url), ca);
    await visit(kind, withMode(kind, url, 'require'), ca);

    const unknown = visit(kind, withMode(kind, url), { TLS_CA_FILE: foreign.caFile });
    await expect(unknown).rejects.toThrow(/not of a CA that we trust.*TLS_CA_FILE/);
    await expect(visit(kind, withMode(kind, url), {})).rejects.toThrow(/TLS_CA_FILE/);

    const byName = withMode(kind, url.replace('127.0.0.1', 'localhost'));
    await expect(visit(kind, byName, ca)).rejects.toThrow(/another host name.*localhost/s);
    const chainOnly = withMode(kind, url.replace('127.0.0.1', 'localhost'), 'verify-ca');
    await visit(kind, chainOnly, ca);
    await expect(visit(kind, chainOnly, { TLS_CA_FILE: foreign.caFile })).rejects.toThrow(/CA that we trust/);
    await visit(kind, withMode(kind, url, 'no-verify'), {});
  }, 120_000);

  it('is not believed with an expired certificate', async () => {
    const url = await serveTls[kind](servers, await shown(['127.0.0.1'], { validity: 'expired' }));
    const visited = visit(kind, withMode(kind, url), { TLS_CA_FILE: ours.caFile });
    await expect(visited).rejects.toThrow(/has expired: renew it/);
  }, 120_000);

  it('that wants to know who comes is shown a certificate', async () => {
    const url = await serveTls[kind](servers, await shown(['127.0.0.1'], { clientCaFile: ours.caFile }));
    await visit(kind, withMode(kind, url), right);
    const stranger = await foreign.issue({ name: `stranger-${kind}` });
    for (const wrong of [
      { TLS_CA_FILE: ours.caFile },
      { TLS_CA_FILE: ours.caFile, TLS_CERT_FILE: stranger.certFile, TLS_KEY_FILE: stranger.keyFile },
    ])
      await expect(visit(kind, withMode(kind, url), wrong)).rejects.toThrow(/client certificate/);
  }, 120_000);

  it('that speaks no TLS is not spoken to without', async () => {
    const plain = kind === 'postgres' ? null : servers[kind].url;
    if (plain === null) return;
    const url = plain.replace(/^redis:/, 'rediss:').replace(/^amqp:/, 'amqps:');
    await expect(visit(kind, url, { TLS_CA_FILE: ours.caFile })).rejects.toThrow(
      /TLS|does not answer|reached/,
    );
  }, 120_000);
});

describe('a cluster of which everything is encrypted, and everybody shows a certificate', () => {
  let env: Environment;
  const nodes: PaygateNode[] = [];

  beforeAll(async () => {
    const server = await shown(['127.0.0.1', 'localhost'], { clientCaFile: ours.caFile });
    const [databaseUrl, rabbitmqUrl, redisUrl] = [
      await serveTls.postgres(servers, server),
      await serveTls.rabbitmq(servers, server),
      await serveTls.redis(servers, server),
    ];
    env = {
      ...right,
      DATABASE_URL: `${databaseUrl}?sslmode=verify-full`,
      RABBITMQ_URL: rabbitmqUrl,
      REDIS_URL: redisUrl,
      HTTP_TLS_CERT_FILE: server.certFile,
      HTTP_TLS_KEY_FILE: server.keyFile,
      HTTP_TLS_CLIENT_CA_FILE: ours.caFile,
    };
    const migrated = await paygate(['migrate'], env);
    expect(migrated, migrated.all).toMatchObject({ exitCode: 0 });
    nodes.push(
      await startPaygateNode({ ...env, NODE_ID: 'a' }),
      await startPaygateNode({ ...env, NODE_ID: 'b' }),
    );
  }, 180_000);

  afterAll(async () => {
    for (const node of nodes) expect(await node.drain()).toBe(0);
  }, 180_000);

  it('decides, audits and tells like any other', async () => {
    for (const [args, expected] of [
      [['drive', '--count', '50', '--accounts', '20'], /./],
      [['cluster'], /\bb\b/],
      [['verify'], /./],
      [['cache', 'rebuild', '--why', 'test'], /./],
    ] as const) {
      const answer = await paygate(args, env);
      expect(answer, `${args.join(' ')}: ${answer.all}`).toMatchObject({ exitCode: 0 });
      expect(answer.all).toMatch(expected);
    }
  }, 180_000);

  it('shows its admin port to who shows a certificate, and its nodes look at each other', async () => {
    const address = nodes[0]?.address ?? '';
    expect(address).toMatch(/^https:\/\/127\.0\.0\.1:/);
    const get = (url: string, files: Environment): Promise<Response> =>
      peerFetch(
        new URL(url),
        { headers: {}, signal: AbortSignal.timeout(60_000) },
        {
          caFile: ours.caFile,
          certFile: files['TLS_CERT_FILE'] ?? null,
          keyFile: files['TLS_KEY_FILE'] ?? null,
        },
      );
    await expect(get(`${address}/livez`, {})).rejects.toThrow();
    expect((await get(`${address}/livez`, right)).status).toBe(200);

    const elsewhere = await eventually(async () => {
      for (const id of await accountIds())
        if ((await get(`${address}/accounts/${id}/balance`, right)).status === 307) return id;
      throw new Error('the other node has none of the accounts yet');
    });
    const steps = await get(`${address}/console/api/account/${elsewhere}/steps`, right);
    expect(steps.status).toBe(200);
    const first = await steps.body?.getReader().read();
    expect(new TextDecoder().decode(first?.value as Uint8Array)).toMatch(/retry: |data: /);

    const links = await paygate(['console'], env);
    expect(links.stdout.trim().split('\n')).toHaveLength(2);
    expect(links.stdout).not.toContain('http://');
  }, 120_000);

  it('is asked for its health like any other, by its own machine and by others', async () => {
    const { address } = nodes[0]!;
    const own = { ...env, HTTP_PORT: new URL(address).port };
    // Of another name than the one it is asked by, as on a host that has a name.
    const elsewhere = await shown(['paygate.example']);
    const named = { ...own, HTTP_TLS_CERT_FILE: elsewhere.certFile, HTTP_TLS_KEY_FILE: elsewhere.keyFile };
    for (const settings of [own, named])
      for (const args of [['health'], ['health', '--live'], ['health', '--node', address]]) {
        const answer = await paygate(args, settings);
        expect(answer, `${args.join(' ')}: ${answer.all}`).toMatchObject({ exitCode: 0 });
      }
    const trustingOthers = { ...own, HTTP_TLS_CA_FILE: foreign.caFile };
    expect(await paygate(['health'], trustingOthers)).toMatchObject({ exitCode: 0 });
    const stranger = await paygate(['health', '--node', address], trustingOthers);
    expect(stranger).toMatchObject({ exitCode: 3 });
    expect(stranger.stderr).toMatch(/no node answers at https:.*certificate/);
  }, 120_000);

  it('says at once what is wrong with a setting', async () => {
    for (const [wrong, message] of [
      [{ TLS_CA_FILE: '/nowhere/ca.pem' }, /TLS_CA_FILE: \/nowhere\/ca\.pem cannot be read: ENOENT/],
      [{ TLS_CERT_FILE: '' }, /TLS_KEY_FILE: a key needs its certificate/],
      [{ REDIS_URL: servers.redis.url, REDIS_TLS_CA_FILE: ours.caFile }, /REDIS_TLS_CA_FILE: .*rediss/],
    ] as const) {
      const answer = await paygate(['verify'], { ...env, ...wrong });
      expect(answer).toMatchObject({ exitCode: 2 });
      expect(answer.stderr).toMatch(message);
    }
    const stranger = await paygate(['verify'], { ...env, TLS_CA_FILE: foreign.caFile });
    expect(stranger.exitCode).toBe(3);
    expect(stranger.stderr).toMatch(/TLS_CA_FILE/);
  }, 60_000);
});
