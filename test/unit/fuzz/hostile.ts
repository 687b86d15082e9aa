import { fc } from '../../support/properties.ts';

/** How many hostile inputs each door gets in one run of `npm test`. */
export const INPUTS = {
  bodies: 60_000,
  mailBetweenNodes: 12_000,
  rules: 10_000,
  settings: 6_000,
  options: 12_000,
  arguments: 1_500,
  requests: 1_000,
} as const;

/** What has caused trouble somewhere before: in parsers, terminals, templates, headers, SQL, file names. */
const NAUGHTY = [
  '',
  '\0',
  '\uFEFF',
  '\uD800',
  '\u202E',
  '💥'.repeat(3),
  '__proto__',
  'constructor',
  'toString',
  '${7*7}',
  '{{7*7}}',
  "';drop table processor.journal;--",
  '$(touch x)',
  '../../../../etc/passwd',
  '%00%0d%0aSet-Cookie:%20a=b',
  '\r\nX: y',
  '\u001b[2J',
  '-1',
  '0x10',
  '1e309',
  'NaN',
  'Infinity',
  '9007199254740993',
  '٣',
  '--help',
  '-',
  '--',
  '=',
  '@',
  '1'.repeat(400),
  'a'.repeat(2_000),
  '::ffff:127.0.0.1',
  'http://user:pass@[::1]:99999/?x=y#z',
] as const;

export const naughty: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NAUGHTY) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.integer().map(String) },
);

type Damage = (bytes: Buffer) => Buffer;

function at(bytes: Buffer, share: number): number {
  return Math.floor(share * bytes.length);
}

const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const someBytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', '\\u0000', '0', '-', 'e9', '.5', 'null', 'true')
    .map((text) => Buffer.from(text)),
  naughty.map((text) => Buffer.from(text)),
);

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(share, fc.integer({ min: 0, max: 255 })).map(([place, byte]): Damage => (bytes) => {
    const changed = Buffer.from(bytes);
    if (changed.length > 0) changed[at(changed, place)] = byte;
    return changed;
  }),
  fc.tuple(share, fc.integer({ min: 0, max: 7 })).map(([place, bit]): Damage => (bytes) => {
    const changed = Buffer.from(bytes);
    const index = at(changed, place);
    if (changed.length > 0) changed[index] = (changed[index] ?? 0) ^ (1 << bit);
    return changed;
  }),
  share.map(
    (place): Damage =>
      (bytes) =>
        bytes.subarray(0, at(bytes, place)),
  ),
  fc.tuple(share, share).map(([from, to]): Damage => (bytes) => {
    const [start, end] = [at(bytes, Math.min(from, to)), at(bytes, Math.max(from, to))];
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  }),
  fc.tuple(share, share).map(([from, to]): Damage => (bytes) => {
    const [start, end] = [at(bytes, Math.min(from, to)), at(bytes, Math.max(from, to))];
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)]);
  }),
  fc.tuple(share, someBytes).map(([place, added]): Damage => (bytes) => {
    const index = at(bytes, place);
    return Buffer.concat([bytes.subarray(0, index), added, bytes.subarray(index)]);
  }),
);

/** One of these, with up to four wounds. */
export function damaged(...sound: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.constantFrom(...sound), fc.array(damage, { minLength: 1, maxLength: 4 }))
    .map(([bytes, wounds]) => wounds.reduce((present, wound) => wound(present), bytes));
}

/** Bytes without any sense. */
export const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

/** A value, or an object that is almost the one that is wanted. */
export function twisted(sound: Readonly<Record<string, unknown>>): fc.Arbitrary<unknown> {
  const value = fc.oneof(
    naughty,
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      1.5,
      2 ** 53,
      1e21,
      -0,
      [],
      {},
      [[]],
      { Valid: true },
      { String: 1, Valid: 1 },
    ),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const key = fc.oneof(fc.constantFrom(...Object.keys(sound)), naughty);
  return fc
    .array(fc.tuple(key, fc.option(value, { nil: undefined })), { minLength: 1, maxLength: 3 })
    .map((changes) => ({ ...sound, ...Object.fromEntries(changes) }));
}

/** CPU of this process that `work` took, which a busy machine does not make more. */
export function cpuSecondsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000_000;
}
