import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { z } from 'zod';
import { oneOf } from './setting-types.ts';

/**
 * TLS of the connections to PostgreSQL, RabbitMQ and Redis. A server's URL says everything about the way to it, TLS included,
 * under the names that libpq has for it, whichever server it is: `sslmode`, `sslrootcert`, `sslcert`, `sslkey`. The settings
 * (`TLS_CA_FILE`, `REDIS_TLS_CA_FILE`, …) are written into the URLs here, once; adapters know nothing of them.
 */

type Environment = Readonly<Record<string, string | undefined>>;

/** What is verified of a server's certificate. `require` is what `TLS_VERIFY` says, all unless set: TLS that believes anybody protects from nobody. */
export const TLS_MODES = ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const;
export type TlsMode = (typeof TLS_MODES)[number];

/** What of the URL's parameters is ours. */
export const TLS_PARAMETERS = {
  mode: 'sslmode',
  caFile: 'sslrootcert',
  certFile: 'sslcert',
  keyFile: 'sslkey',
} as const;

const MODE_OF_VERIFY = {
  full: 'verify-full',
  chain: 'verify-ca',
  none: 'no-verify',
} as const;

/** `TLS_VERIFY`; case does not matter. */
export const TLS_VERIFY_TYPE = z.preprocess(
  (value) => (typeof value === 'string' ? value.toLowerCase() : value),
  oneOf(['full', 'chain', 'none']),
);

/** Parts of a URL that settings can give, with the end of their names. */
const FILES = [
  [TLS_PARAMETERS.caFile, 'TLS_CA_FILE'],
  [TLS_PARAMETERS.certFile, 'TLS_CERT_FILE'],
  [TLS_PARAMETERS.keyFile, 'TLS_KEY_FILE'],
] as const;
const VERIFY = 'TLS_VERIFY';

const SERVERS = ['DATABASE', 'RABBITMQ', 'REDIS'] as const;

/** For all servers, and for one. */
function variables(name: string): readonly string[] {
  return [name, ...SERVERS.map((server) => `${server}_${name}`)];
}

/** Those that take a word of `TLS_VERIFY_TYPE`; the others take a file. */
export const TLS_VERIFY_VARIABLES = variables(VERIFY);

/** All settings that are read here. */
export const TLS_VARIABLES: readonly string[] = [
  ...FILES.flatMap(([, name]) => variables(name)),
  ...TLS_VERIFY_VARIABLES,
];

export interface ServerUrl {
  /** Before the settings of this server alone: `REDIS` of `REDIS_TLS_CA_FILE`. */
  readonly server: (typeof SERVERS)[number];
  readonly url: string;
}

export interface ServersWithTls {
  /** In the order given. */
  readonly urls: readonly string[];
  /** `<variable>: <what is wrong>` */
  readonly issues: readonly string[];
}

/** The URLs with what the settings say of TLS. The files are looked at: a wrong one is better found now than at night. */
export function withTls(servers: readonly ServerUrl[], env: Environment): ServersWithTls {
  const merged = servers.map((server) => merge(server, env));
  const issues = merged.flatMap((one) => one.issues);
  const unused = [...FILES.map(([, name]) => name), VERIFY].filter((name) => isSet(env, name));
  const first = unused[0];
  // Whoever sets a CA believes that the connections are encrypted.
  if (
    first !== undefined &&
    merged.every(({ encrypted }) => encrypted === 'no') &&
    !isSet(env, 'HTTP_TLS_CERT_FILE')
  )
    issues.push(`${first}: none of the servers' URLs asks for TLS; ${HOW_TO_ASK}`);
  return { urls: merged.map((one) => one.url), issues };
}

const HOW_TO_ASK = 'use postgres://…?sslmode=verify-full, amqps:// and rediss://';

interface Merged {
  readonly url: string;
  readonly encrypted: 'yes' | 'no';
  readonly issues: readonly string[];
}

function merge({ server, url }: ServerUrl, env: Environment): Merged {
  const variable = `${server}_URL`;
  const { base, query } = split(url);
  const scheme = base.slice(0, base.indexOf(':'));
  const given = modeGiven(query);
  if (given !== null && !isTlsMode(given))
    return refused(url, `${variable}: sslmode=${onOneLine(given)}: expected one of ${TLS_MODES.join(', ')}`);
  const always = scheme === 'amqps' || scheme === 'rediss';
  const isPostgres = server === 'DATABASE';
  if (always && given === 'disable')
    return refused(url, `${variable}: ${scheme}:// with sslmode=disable says yes and no to TLS`);
  if (!always && !isPostgres && given !== null && given !== 'disable')
    return refused(url, `${variable}: sslmode needs ${scheme === 'redis' ? 'rediss' : 'amqps'}://`);
  if (!always && (given === null || given === 'disable')) return plain({ server, url }, env);
  const verify = setting(env, server, VERIFY);
  const asked = TLS_VERIFY_TYPE.default('full').safeParse(verify?.value);
  if (!asked.success)
    return refused(url, `${verify?.name ?? VERIFY}: ${asked.error.issues[0]?.message ?? 'not usable'}`);
  const mode = given === null || given === 'require' ? MODE_OF_VERIFY[asked.data] : given;
  query.delete('ssl');
  query.set(TLS_PARAMETERS.mode, mode);
  for (const [parameter, ending] of FILES) {
    const file = setting(env, server, ending);
    if (!query.has(parameter) && file !== null) query.set(parameter, file.value);
  }
  const issue = filesIssue(query, env, server);
  return { url: `${base}?${query.toString()}`, encrypted: 'yes', issues: issue === null ? [] : [issue] };
}

function refused(url: string, issue: string): Merged {
  return { url, encrypted: 'yes', issues: [issue] };
}

/** A setting for this server alone that its URL leaves unused is a mistake, and a dangerous one. */
function plain({ server, url }: ServerUrl, env: Environment): Merged {
  const idle = [...FILES.map(([, name]) => name), VERIFY]
    .map((ending) => `${server}_${ending}`)
    .find((name) => isSet(env, name));
  const issues = idle === undefined ? [] : [`${idle}: ${server}_URL does not ask for TLS; ${HOW_TO_ASK}`];
  return { url, encrypted: 'no', issues };
}

/** The files can be read, and belong together. */
function filesIssue(query: URLSearchParams, env: Environment, server: string): string | null {
  const files = FILES.map(([parameter, ending]) => {
    const path = query.get(parameter);
    const from = setting(env, server, ending);
    const isSetting = from !== null && from.value === path;
    return { path, name: isSetting ? from.name : `${server}_URL, ${parameter}` };
  });
  const [ca, cert, key] = files;
  return tlsFilesIssue({ ca, cert, key });
}

/** A file and the setting that names it, for messages. */
export interface NamedFile {
  readonly path: string | null;
  readonly name: string;
}

export interface TlsFileSet {
  readonly ca?: NamedFile | undefined;
  readonly cert?: NamedFile | undefined;
  readonly key?: NamedFile | undefined;
}

/** `<variable>: <what is wrong>`; null: nothing. Contents are never repeated. */
export function tlsFilesIssue({ ca, cert, key }: TlsFileSet): string | null {
  if (hasPath(cert) && !hasPath(key)) return `${cert.name}: a certificate needs its key (TLS_KEY_FILE)`;
  if (hasPath(key) && !hasPath(cert)) return `${key.name}: a key needs its certificate (TLS_CERT_FILE)`;
  for (const file of [ca, cert, key]) {
    const issue = hasPath(file) ? fileIssue(file, file === key ? 'PRIVATE KEY' : 'CERTIFICATE') : null;
    if (issue !== null) return issue;
  }
  if (!hasPath(cert) || !hasPath(key)) return null;
  try {
    createSecureContext({ cert: readFileSync(cert.path), key: readFileSync(key.path) });
    return null;
  } catch (error) {
    return `${cert.name} and ${key.name}: they do not belong together, or cannot be used: ${codeOf(error)}`;
  }
}

function hasPath(file: NamedFile | undefined): file is NamedFile & { readonly path: string } {
  return file?.path !== null && file?.path !== undefined;
}

function fileIssue({ path, name }: NamedFile & { readonly path: string }, holds: string): string | null {
  try {
    const text = readFileSync(path, 'utf8');
    return new RegExp(`-----BEGIN [A-Z ]*${holds}-----`).test(text)
      ? null
      : `${name}: ${onOneLine(path)} holds no ${holds.toLowerCase()} in PEM form`;
  } catch (error) {
    return `${name}: ${onOneLine(path)} cannot be read: ${codeOf(error)}`;
  }
}

/** What somebody else wrote begins no line of ours. */
function onOneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, '?');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'for an unknown reason';
}

interface Found {
  readonly name: string;
  readonly value: string;
}

/** What is set for this server, or else for all. */
function setting(env: Environment, server: string, ending: string): Found | null {
  for (const name of [`${server}_${ending}`, ending]) {
    const value = env[name]?.trim() ?? '';
    if (value !== '') return { name, value };
  }
  return null;
}

function isSet(env: Environment, name: string): boolean {
  return (env[name]?.trim() ?? '') !== '';
}

/** Without looking at the rest of the URL: those of PostgreSQL are not always what a browser would take. */
export function split(url: string): { readonly base: string; readonly query: URLSearchParams } {
  const at = url.indexOf('?');
  if (at < 0) return { base: url, query: new URLSearchParams() };
  return { base: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) };
}

export function isTlsMode(text: string): text is TlsMode {
  return (TLS_MODES as readonly string[]).includes(text);
}

/** What a URL's parameters ask for; null: nothing. Not every text is a mode. */
export function modeGiven(query: URLSearchParams): string | null {
  return query.get(TLS_PARAMETERS.mode) ?? ofSslParameter(query.get('ssl'));
}

/** The driver's own word for it: `?ssl=true`. */
function ofSslParameter(ssl: string | null): string | null {
  if (ssl === null) return null;
  if (ssl === 'true' || ssl === '1') return 'verify-full';
  return ssl === 'no-verify' ? ssl : 'disable';
}
