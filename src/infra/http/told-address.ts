import { networkInterfaces } from 'node:os';

export interface ToldAddressOptions {
  /** What we listen on. */
  readonly host: string;
  /** Base URL where this machine reaches us, with the port that was taken. */
  readonly listening: string;
  /** `HTTP_ADVERTISED_URL`; null: not set. */
  readonly advertised: string | null;
  /** `CONSOLE_TOKEN`; null: only this machine may read. */
  readonly token: string | null;
}

const ALL_INTERFACES: ReadonlySet<string> = new Set(['0.0.0.0', '::', '']);

/**
 * Base URL of our admin port that other nodes and people are told. Whoever listens on all interfaces is reached from elsewhere
 * by the machine's first address; without a token nobody from elsewhere may read, so then it is the loopback's.
 */
export function toldAddress({ host, listening, advertised, token }: ToldAddressOptions): string {
  if (advertised !== null) return advertised;
  if (!ALL_INTERFACES.has(host)) return listening;
  const { protocol, port } = new URL(listening);
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  return `${protocol}//${token === null || outside === undefined ? '127.0.0.1' : outside.address}:${port}`;
}
