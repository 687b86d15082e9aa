import { Duplex } from 'node:stream';
import { connect as amqpConnect, type ChannelModel } from 'amqplib';
import { LIMITS } from '../../limits.ts';
import { serverAddress } from '../server-address.ts';
import { within } from '../within.ts';

/** Opens a connection with our heartbeat, over TLS where the URL says so. Rejects within `LIMITS.connectTimeoutMs` of silence. */
export async function connect(url: string, name: string): Promise<ChannelModel> {
  const { url: plainUrl, tls } = serverAddress(url);
  const target = new URL(plainUrl);
  if (!target.searchParams.has('heartbeat')) {
    target.searchParams.set('heartbeat', String(LIMITS.brokerHeartbeatSeconds));
  }
  return amqpConnect(target.href, {
    noDelay: true,
    keepAlive: true,
    timeout: LIMITS.connectTimeoutMs,
    clientProperties: { connection_name: name },
    ...tls,
  });
}

/**
 * Closes in good order, or after `LIMITS.closeTimeoutMs` without it. Never rejects. The socket is destroyed in any case:
 * one whose other end is frozen would otherwise stay half open and keep the process alive.
 */
export async function disconnect(model: ChannelModel): Promise<void> {
  await within(LIMITS.closeTimeoutMs, () => model.close());
  const connection: object = model.connection;
  if ('stream' in connection && connection.stream instanceof Duplex) connection.stream.destroy();
}
