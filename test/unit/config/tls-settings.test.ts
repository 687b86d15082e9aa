/** Without this: somebody asks for TLS and does not get it, or is not told which setting is wrong. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, type Environment } from '../../../src/config.ts';
import { serverAddress } from '../../../src/infra/server-address.ts';
import { certificatePlace, type CertificateFiles } from '../../support/certificates.ts';

const place = certificatePlace();
let caFile: string;
let client: CertificateFiles;
let other: CertificateFiles;

beforeAll(async () => {
  const authority = await place.authority('ca');
  caFile = authority.caFile;
  client = await authority.issue({ name: 'client' });
  other = await authority.issue({ name: 'other' });
});
afterAll(() => place.remove());

const POSTGRES = 'postgres://u:p@db.example/x?sslmode=verify-full';

function refusalOf(env: Environment): string {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'taken';
}

describe('the way to a server', () => {
  it('is without TLS where nobody asks for it', () => {
    for (const url of ['postgres://u@h/x', 'amqp://h', 'redis://h/1', 'postgres://u@h/x?sslmode=disable'])
      expect(serverAddress(url).tls, url).toBeNull();
  });

  it('verifies what the URL names, unless it says otherwise', () => {
    for (const url of [
      POSTGRES,
      'amqps://db.example',
      'rediss://db.example',
      'postgres://u@db.example/x?ssl=true',
    ]) {
      const { tls } = serverAddress(url);
      expect(tls, url).toMatchObject({ rejectUnauthorized: true, servername: 'db.example' });
      expect(tls).not.toHaveProperty('checkServerIdentity');
    }
    expect(serverAddress('rediss://h?sslmode=no-verify').tls).toMatchObject({ rejectUnauthorized: false });
    const chain = serverAddress('amqps://h?sslmode=verify-ca').tls;
    expect(chain).toMatchObject({ rejectUnauthorized: true });
    expect(chain).toHaveProperty('checkServerIdentity');
    // An address has no name to be sent along.
    expect(serverAddress('rediss://[::1]:1').tls).not.toHaveProperty('servername');
  });

  it('keeps what else the URL says, and nothing of TLS for a driver to have its own idea of', () => {
    const { url } = serverAddress(
      `amqps://u:p%40@h:5671/v?heartbeat=7&sslmode=verify-ca&sslrootcert=${caFile}`,
    );
    expect(url).toBe('amqps://u:p%40@h:5671/v?heartbeat=7');
  });

  it('uses files that were renewed, and the last ones while they are being replaced', () => {
    const file = join(place.directory, 'renewed.pem');
    writeFileSync(file, 'one');
    const { tls } = serverAddress(`rediss://h?sslrootcert=${file}`);
    expect(String(tls?.ca)).toBe('one');
    writeFileSync(file, 'two');
    expect(String(tls?.ca)).toBe('two');
    place.remove();
    expect(String(tls?.ca)).toBe('two');
  });
});

describe('settings', () => {
  const again = certificatePlace();
  beforeAll(async () => {
    const authority = await again.authority('ca');
    caFile = authority.caFile;
    client = await authority.issue({ name: 'client' });
    other = await authority.issue({ name: 'other' });
  });

  afterAll(() => again.remove());

  it('are written into the URLs of the servers that are spoken to over TLS, and into no others', () => {
    const config = loadConfig({
      DATABASE_URL: POSTGRES,
      REDIS_URL: 'rediss://h/3',
      RABBITMQ_URL: 'amqp://h',
      TLS_CA_FILE: caFile,
      REDIS_TLS_VERIFY: 'chain',
      REDIS_TLS_CERT_FILE: client.certFile,
      REDIS_TLS_KEY_FILE: client.keyFile,
    });
    expect(config.rabbitmqUrl).toBe('amqp://h');
    const query = (url: string) => Object.fromEntries(new URLSearchParams(url.slice(url.indexOf('?') + 1)));
    expect(query(config.databaseUrl)).toEqual({ sslmode: 'verify-full', sslrootcert: caFile });
    expect(query(config.redisUrl)).toEqual({
      sslmode: 'verify-ca',
      sslrootcert: caFile,
      sslcert: client.certFile,
      sslkey: client.keyFile,
    });
  });

  it('that would have no effect, cannot be read or do not belong together are refused, by name', () => {
    const tls = { DATABASE_URL: POSTGRES };
    for (const [env, message] of [
      [{ TLS_CA_FILE: caFile }, /TLS_CA_FILE: none of the servers' URLs asks for TLS; use .*amqps/],
      [{ ...tls, REDIS_TLS_CA_FILE: caFile }, /REDIS_TLS_CA_FILE: REDIS_URL does not ask for TLS/],
      [{ ...tls, TLS_CA_FILE: '/nowhere' }, /TLS_CA_FILE: \/nowhere cannot be read: ENOENT/],
      [{ ...tls, TLS_CA_FILE: client.keyFile }, /TLS_CA_FILE: .* holds no certificate in PEM form/],
      [{ ...tls, TLS_CERT_FILE: client.certFile }, /TLS_CERT_FILE: a certificate needs its key/],
      [
        { ...tls, TLS_CERT_FILE: client.certFile, TLS_KEY_FILE: other.keyFile },
        /TLS_CERT_FILE and TLS_KEY_FILE: they do not belong together/,
      ],
      [{ ...tls, TLS_VERIFY: 'perhaps' }, /TLS_VERIFY: expected one of full, chain, none/],
      [{ DATABASE_URL: 'postgres://u@h/x?sslmode=prefer' }, /DATABASE_URL: sslmode=prefer: expected one of/],
      [{ RABBITMQ_URL: 'amqp://h?sslmode=verify-full' }, /RABBITMQ_URL: sslmode needs amqps/],
      [{ REDIS_URL: 'rediss://h?sslmode=disable' }, /REDIS_URL: rediss:\/\/ with sslmode=disable/],
      [{ HTTP_TLS_CERT_FILE: client.certFile }, /HTTP_TLS_CERT_FILE: a certificate needs its key/],
      [{ HTTP_TLS_CLIENT_CA_FILE: caFile }, /HTTP_TLS_CLIENT_CA_FILE: client certificates need TLS/],
    ] as const)
      expect(refusalOf(env), JSON.stringify(env)).toMatch(message);
  });

  it('of the admin port are taken', () => {
    const { httpTls } = loadConfig({
      HTTP_TLS_CERT_FILE: client.certFile,
      HTTP_TLS_KEY_FILE: client.keyFile,
      TLS_CA_FILE: caFile,
    });
    expect(httpTls.server).toEqual({
      certFile: client.certFile,
      keyFile: client.keyFile,
      clientCaFile: null,
    });
    expect(httpTls.client).toEqual({ caFile, certFile: client.certFile, keyFile: client.keyFile });
  });
});
