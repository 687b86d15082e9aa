import { serverAddress, type TlsOptions } from '../server-address.ts';

/** What `new Redis(url, options)` wants. */
export interface RedisAddress {
  readonly url: string;
  readonly tls: { readonly tls?: TlsOptions };
}

/** ioredis lets a URL with `rediss:` win over the options, and would know neither CA nor certificates. */
export function redisAddress(text: string): RedisAddress {
  const { url, tls } = serverAddress(text);
  if (tls === null) return { url, tls: {} };
  return { url: url.replace(/^rediss:/, 'redis:'), tls: { tls } };
}
