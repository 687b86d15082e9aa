import { readFileSync } from 'node:fs';
import getPort from 'get-port';
import { Redis } from 'ioredis';
import pg from 'pg';
import { controlBroker } from '../../src/infra/services/broker-control.ts';
import type { RunningServers } from '../../src/infra/services/start-servers.ts';
import type { CertificateFiles } from './certificates.ts';

/** How servers show themselves, and whom they let in. */
export interface Shown extends CertificateFiles {
  /** CA whose certificates clients have to show; null: nobody has to. */
  readonly clientCaFile: string | null;
}

/**
 * Switches TLS on at servers of the test's own while they run, or shows another certificate. Each gives a URL that begins with its
 * scheme for TLS; that of PostgreSQL still needs its `sslmode`.
 */
export const serveTls = { postgres: postgresTls, redis: redisTls, rabbitmq: rabbitmqTls };

/** PostgreSQL wants to be the owner of its key, so it writes it itself. */
async function postgresTls({ postgres }: RunningServers, shown: Shown): Promise<string> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ data: string }>("select current_setting('data_directory') as data");
    const data = rows[0]?.data ?? '';
    const write = (name: string, text: string): Promise<unknown> => {
      const lines = pg.escapeLiteral(text.trim());
      const program = pg.escapeLiteral(`umask 077; cat > ${data}/${name}`);
      return client.query(`copy (select unnest(string_to_array(${lines}, E'\\n'))) to program ${program}`);
    };
    await write('server.crt', readFileSync(shown.certFile, 'utf8'));
    await write('server.key', readFileSync(shown.keyFile, 'utf8'));
    if (shown.clientCaFile !== null) await write('root.crt', readFileSync(shown.clientCaFile, 'utf8'));
    const demand = shown.clientCaFile === null ? '' : ' clientcert=verify-ca';
    await write(
      'pg_hba.conf',
      `hostssl all all all scram-sha-256${demand}\nhostnossl all all all scram-sha-256\n`,
    );
    await client.query(`alter system set ssl_ca_file = '${shown.clientCaFile === null ? '' : 'root.crt'}'`);
    await client.query('alter system set ssl = on');
    await client.query('select pg_reload_conf()');
  } finally {
    await client.end();
  }
  return postgres.url;
}

async function redisTls({ redis }: RunningServers, shown: Shown): Promise<string> {
  const client = new Redis(redis.url);
  try {
    const port = String(await getPort({ host: '127.0.0.1' }));
    const ca = shown.clientCaFile === null ? [] : ['tls-ca-cert-file', shown.clientCaFile];
    await client.call(
      'CONFIG',
      ...['SET', 'tls-cert-file', shown.certFile, 'tls-key-file', shown.keyFile, ...ca],
      ...['tls-auth-clients', shown.clientCaFile === null ? 'no' : 'yes', 'tls-port', port],
    );
    return withPort(redis.url.replace(/^redis:/, 'rediss:'), port);
  } finally {
    client.disconnect();
  }
}

/** A further listener each time: those of before go on. */
async function rabbitmqTls({ rabbitmq, brokerControl }: RunningServers, shown: Shown): Promise<string> {
  if (brokerControl === null) throw new Error('the broker is not ours');
  const port = String(await getPort({ host: '127.0.0.1' }));
  const client =
    shown.clientCaFile === null
      ? '{verify, verify_none}'
      : `{cacertfile, "${shown.clientCaFile}"}, {verify, verify_peer}, {fail_if_no_peer_cert, true}`;
  await controlBroker(brokerControl, [
    'eval',
    `rabbit_networking:ensure_ssl(),
     rabbit_networking:start_ssl_listener({"127.0.0.1", ${port}},
       [{certfile, "${shown.certFile}"}, {keyfile, "${shown.keyFile}"}, ${client}], 4).`,
  ]);
  return withPort(rabbitmq.url.replace(/^amqp:/, 'amqps:'), port);
}

function withPort(url: string, port: string): string {
  return url.replace(/:\d+(?=\/|$)/, `:${port}`);
}
