import { StringDecoder } from 'node:string_decoder';

export interface ReceivedEvent {
  /** For `Last-Event-ID`; empty: it had none. */
  readonly id: string;
  readonly data: string;
}

/** The largest event that is taken: whoever sends more is not one of our nodes. */
const EVENT_CHARS_MAX = 1024 * 1024;

/** Reads server-sent events as they come. Rejects with the connection's error, or with `RangeError` at one that is too large. */
export async function* readEventStream(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<ReceivedEvent, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let unread = '';
  for await (const chunk of body) {
    unread += decoder.write(chunk);
    const blocks = unread.split('\n\n');
    unread = blocks.pop() ?? '';
    if (unread.length > EVENT_CHARS_MAX) throw new RangeError('an event of the stream is too large');
    for (const block of blocks) {
      const data = fieldsOf(block, 'data').join('\n');
      if (data !== '') yield { id: fieldsOf(block, 'id').at(-1) ?? '', data };
    }
  }
}

function fieldsOf(block: string, name: string): readonly string[] {
  return block
    .split('\n')
    .filter((line) => line.startsWith(`${name}:`))
    .map((line) => line.slice(name.length + 1).replace(/^ /, ''));
}
