import type { FastifyReply } from 'fastify';
import { LIMITS } from '../../limits.ts';

const BEAT_MS = 10_000;
const AGAIN_AFTER_MS = 1_000;

/** Server-sent events to one page. */
export interface EventStream {
  /** A page that leaves more than `streamUnsentBytesMax` unread loses its connection, and comes again. */
  send(event: string, data: unknown, id: string): void;
  end(): void;
}

/** Takes the reply over. `onClose` is called once, however it ends. */
export function openEventStream(
  reply: FastifyReply,
  headers: Readonly<Record<string, string>>,
  onClose: () => void,
): EventStream {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.write(`retry: ${AGAIN_AFTER_MS}\n\n`);
  // Tells a page that the node is there, and us that the page is gone.
  const beat = setInterval(() => raw.write(': beat\n\n'), BEAT_MS);
  beat.unref();
  raw.once('close', () => {
    clearInterval(beat);
    onClose();
  });
  return {
    send: (event, data, id) => {
      if (raw.writableLength > LIMITS.streamUnsentBytesMax) raw.destroy();
      else if (!raw.writableEnded) raw.write(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    end: () => {
      // It closes when the page has read all of it; to write after this is an error that nobody would catch.
      clearInterval(beat);
      raw.end();
    },
  };
}
