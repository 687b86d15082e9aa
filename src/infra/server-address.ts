import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { isTlsMode, modeGiven, split, TLS_PARAMETERS, type TlsMode } from '../config/tls-settings.ts';

/** What a driver has to be told; what it is told beside stays as it is. */
export type TlsOptions = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized' | 'minVersion' | 'checkServerIdentity'
>;

/** Where a server is and how to get there. */
export interface ServerAddress {
  /** Without the parameters that say how TLS is done: the drivers have other ideas of them, or none. */
  readonly url: string;
  /** null: without TLS. */
  readonly tls: TlsOptions | null;
}

/**
 * Takes apart what `config/tls-settings.ts` put together. Throws where a file cannot be read.
 *
 * The files are read again for each connection, so that renewed certificates are used without a restart.
 */
export function serverAddress(text: string): ServerAddress {
  const { base, query } = split(text);
  const mode = modeOf(base, query);
  const [caFile, certFile, keyFile] = [
    TLS_PARAMETERS.caFile,
    TLS_PARAMETERS.certFile,
    TLS_PARAMETERS.keyFile,
  ].map((name) => query.get(name));
  for (const name of [...Object.values(TLS_PARAMETERS), 'ssl']) query.delete(name);
  const url = query.size === 0 ? base : `${base}?${query.toString()}`;
  if (mode === null || mode === 'disable') return { url, tls: null };
  return { url, tls: withFreshFiles(verification(mode, base), { ca: caFile, cert: certFile, key: keyFile }) };
}

function modeOf(base: string, query: URLSearchParams): TlsMode | null {
  const given = modeGiven(query);
  if (given !== null && isTlsMode(given)) return given;
  return given === null && !/^(amqps|rediss):/.test(base) ? null : 'verify-full';
}

function verification(mode: TlsMode, base: string): TlsOptions {
  const hostname = URL.canParse(base) ? new URL(base).hostname.replace(/^\[|\]$/g, '') : '';
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: mode !== 'no-verify',
    ...(hostname === '' || isIP(hostname) !== 0 ? {} : { servername: hostname }),
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}

type TlsFiles = Readonly<Record<'ca' | 'cert' | 'key', string | null | undefined>>;

/**
 * Adds options that are read from their files whenever a driver looks at them, which all of them do once per connection. The first time
 * is now. A file that is being replaced, or has gone, leaves what it held before: a driver that reads in an event of its socket
 * has nobody to catch what we would throw.
 */
export function withFreshFiles(options: TlsOptions, files: TlsFiles): TlsOptions {
  for (const [name, path] of Object.entries(files)) {
    if (path === null || path === undefined) continue;
    let held = readFileSync(path);
    const read = (): Buffer => {
      try {
        held = readFileSync(path);
      } catch {
        return held;
      }
      return held;
    };
    // Configurable, because pg hides the key from those who print its options.
    Object.defineProperty(options, name, { enumerable: true, configurable: true, get: read });
  }
  return options;
}
