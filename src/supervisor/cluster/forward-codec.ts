import { ROADS } from '../../contracts/command.ts';
import { INBOUND_QUEUES } from '../../contracts/queues.ts';
import { formatTraceparent, parseTraceparent } from '../../contracts/traceparent.ts';
import { DEFERRAL_CODES } from '../../domain/codes.ts';
import { LIMITS } from '../../limits.ts';
import { ByteCursor, MalformedBytes } from './byte-cursor.ts';
import type { Answer, AnswerBatch, Forward, ForwardBatch } from './forward.ts';

/**
 * Batches between nodes as bytes: a version, a kind, names, a count, then entries; big-endian, bodies as they are.
 *
 * Queues, roads and deferral codes travel as their place in the contract's lists. Whoever inserts into one of
 * those lists, or changes anything here, raises the version: nodes of different versions then refuse each
 * other's batches (and each serves what it owns) instead of misreading them.
 */
const VERSION = 2;
const FORWARDS = 1;
const ANSWERS = 2;
/** 3 and 4 are orders (`contracts/order-mail.ts`). */
const NUDGE = 5;

const ANSWER_KINDS = ['settled', 'gap', 'not-owner'] as const;
const MAY_DECIDE_ERROR = 1;
const REDELIVERED = 2;
/** A place in a trace comes before the body: 16 and 8 bytes of ids, one of flags. */
const TRACED = 4;
const FLAGS_MAX = MAY_DECIDE_ERROR | REDELIVERED | TRACED;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const TRACE_BYTES = TRACE_ID_BYTES + SPAN_ID_BYTES + 1;
/** Of a forward, without its place in a trace and its body. */
const FORWARD_HEAD_BYTES = 56;
/** Of an answer: kind, shard, stream. */
const ANSWER_HEAD_BYTES = 7;
const EPOCH_MAX = 2n ** 63n - 1n;

export type DecodedBatch =
  | { readonly kind: 'forwards'; readonly batch: ForwardBatch }
  | { readonly kind: 'answers'; readonly batch: AnswerBatch }
  /** Something has become free. */
  | { readonly kind: 'nudge' }
  | { readonly kind: 'malformed'; readonly detail: string };

/** Tells a node that something has become free, so that it does not wait for its next tick. */
export function encodeNudge(): Buffer {
  return Buffer.from([VERSION, NUDGE]);
}

/** Of an encoded forward. */
export function forwardBytes({ body, traceparent }: Forward): number {
  return FORWARD_HEAD_BYTES + (traceparent === undefined ? 0 : TRACE_BYTES) + body.length;
}

/** Throws on what our own code must not ask for: names over 255 bytes, numbers that are not safe integers. */
export function encodeForwards({ from, replyTo, forwards }: ForwardBatch): Buffer {
  let size = 2 + nameBytes(from) + nameBytes(replyTo) + 2;
  for (const forward of forwards) size += forwardBytes(forward);
  const bytes = Buffer.allocUnsafe(size);
  let at = writeHead(bytes, FORWARDS);
  at = writeName(bytes, from, at);
  at = writeName(bytes, replyTo, at);
  at = bytes.writeUInt16BE(forwards.length, at);
  for (const forward of forwards) at = writeForward(bytes, forward, at);
  return bytes;
}

export function encodeAnswers({ from, answers }: AnswerBatch): Buffer {
  let size = 2 + nameBytes(from) + 2;
  for (const answer of answers) size += ANSWER_HEAD_BYTES + answerTailBytes(answer);
  const bytes = Buffer.allocUnsafe(size);
  let at = writeHead(bytes, ANSWERS);
  at = writeName(bytes, from, at);
  at = bytes.writeUInt16BE(answers.length, at);
  for (const answer of answers) at = writeAnswer(bytes, answer, at);
  return bytes;
}

/** Never throws, whatever the bytes. Bodies are views of `bytes`, not copies. */
export function decodeBatch(bytes: Buffer): DecodedBatch {
  try {
    return readBatch(new ByteCursor(bytes));
  } catch (error) {
    if (error instanceof MalformedBytes) return { kind: 'malformed', detail: error.message };
    throw error;
  }
}

function writeHead(bytes: Buffer, kind: number): number {
  return bytes.writeUInt8(kind, bytes.writeUInt8(VERSION, 0));
}

function nameBytes(name: string): number {
  const length = Buffer.byteLength(name);
  if (length === 0 || length > 255) throw new Error(`a name of ${length} bytes`);
  return 1 + length;
}

function writeName(bytes: Buffer, name: string, at: number): number {
  const length = bytes.write(name, at + 1);
  bytes.writeUInt8(length, at);
  return at + 1 + length;
}

function writeForward(bytes: Buffer, forward: Forward, start: number): number {
  const { deferredFor, body, traceparent } = forward;
  let at = bytes.writeUInt16BE(forward.shard, start);
  at = bytes.writeBigUInt64BE(forward.epoch, at);
  at = bytes.writeUInt32BE(forward.stream, at);
  at = bytes.writeDoubleBE(forward.n, at);
  at = bytes.writeDoubleBE(forward.after, at);
  at = bytes.writeUInt8(INBOUND_QUEUES.indexOf(forward.queue), at);
  at = bytes.writeUInt8(ROADS.indexOf(forward.road), at);
  at = bytes.writeUInt8(deferredFor === null ? 0 : 1 + DEFERRAL_CODES.indexOf(deferredFor), at);
  at = bytes.writeUInt8(flagsOf(forward), at);
  at = bytes.writeUInt16BE(forward.attempt, at);
  at = bytes.writeDoubleBE(forward.receivedAtMs, at);
  at = bytes.writeDoubleBE(forward.firstSeenAtMs, at);
  at = bytes.writeUInt32BE(body.length, at);
  if (at !== start + FORWARD_HEAD_BYTES) throw new Error('the size of a forward is wrong');
  if (traceparent !== undefined) at = writeTrace(bytes, traceparent, at);
  return at + body.copy(bytes, at);
}

function flagsOf({ mayDecideError, redelivered, traceparent }: Forward): number {
  const traced = traceparent === undefined ? 0 : TRACED;
  return (mayDecideError ? MAY_DECIDE_ERROR : 0) | (redelivered ? REDELIVERED : 0) | traced;
}

function writeTrace(bytes: Buffer, traceparent: string, start: number): number {
  const place = parseTraceparent(traceparent);
  if (place === null) throw new Error('a trace of ours is malformed');
  let at = start + bytes.write(place.traceId, start, 'hex');
  at += bytes.write(place.spanId, at, 'hex');
  return bytes.writeUInt8(place.flags, at);
}

function answerTailBytes(answer: Answer): number {
  switch (answer.kind) {
    case 'settled':
      return 2 + 8 * answer.numbers.length;
    case 'gap':
      return 8;
    case 'not-owner':
      return answer.epoch === null ? 1 : 9;
  }
}

function writeAnswer(bytes: Buffer, answer: Answer, start: number): number {
  let at = bytes.writeUInt8(ANSWER_KINDS.indexOf(answer.kind), start);
  at = bytes.writeUInt16BE(answer.shard, at);
  at = bytes.writeUInt32BE(answer.stream, at);
  switch (answer.kind) {
    case 'settled':
      at = bytes.writeUInt16BE(answer.numbers.length, at);
      for (const n of answer.numbers) at = bytes.writeDoubleBE(n, at);
      return at;
    case 'gap':
      return bytes.writeDoubleBE(answer.expected, at);
    case 'not-owner':
      if (answer.epoch === null) return bytes.writeUInt8(0, at);
      return bytes.writeBigUInt64BE(answer.epoch, bytes.writeUInt8(1, at));
  }
}

function readBatch(cursor: ByteCursor): DecodedBatch {
  const version = cursor.u8();
  if (version !== VERSION) throw new MalformedBytes(`version ${version} instead of ${VERSION}`);
  const kind = cursor.u8();
  if (kind === FORWARDS) return { kind: 'forwards', batch: readForwards(cursor) };
  if (kind === ANSWERS) return { kind: 'answers', batch: readAnswers(cursor) };
  if (kind === NUDGE) {
    cursor.end();
    return { kind: 'nudge' };
  }
  throw new MalformedBytes(`kind ${kind} is unknown`);
}

function readForwards(cursor: ByteCursor): ForwardBatch {
  const from = cursor.name();
  const replyTo = cursor.name();
  const count = cursor.u16();
  cursor.require(count * FORWARD_HEAD_BYTES);
  const forwards = Array.from({ length: count }, () => readForward(cursor));
  cursor.end();
  return { from, replyTo, forwards };
}

function readForward(cursor: ByteCursor): Forward {
  const shard = readShard(cursor);
  const epoch = readEpoch(cursor);
  const stream = cursor.u32();
  const n = cursor.integer(0);
  const after = cursor.integer(-1);
  if (after >= n) throw new MalformedBytes(`${n} does not come after ${after}`);
  const queue = pick(INBOUND_QUEUES, cursor.u8());
  const road = pick(ROADS, cursor.u8());
  const deferral = cursor.u8();
  const flags = cursor.u8();
  if (flags > FLAGS_MAX) throw new MalformedBytes(`flags ${flags} are unknown`);
  const attempt = cursor.u16();
  const receivedAtMs = cursor.timeMs();
  const firstSeenAtMs = cursor.timeMs();
  const bodyBytes = cursor.u32();
  const traceparent = (flags & TRACED) === 0 ? null : readTrace(cursor);
  const forward: Forward = {
    shard,
    epoch,
    stream,
    n,
    after,
    queue,
    road,
    deferredFor: deferral === 0 ? null : pick(DEFERRAL_CODES, deferral - 1),
    mayDecideError: (flags & MAY_DECIDE_ERROR) !== 0,
    redelivered: (flags & REDELIVERED) !== 0,
    attempt,
    receivedAtMs,
    firstSeenAtMs,
    body: readBody(cursor, bodyBytes),
  };
  return traceparent === null ? forward : { ...forward, traceparent };
}

function readTrace(cursor: ByteCursor): string {
  const traceId = cursor.bytes(TRACE_ID_BYTES).toString('hex');
  const spanId = cursor.bytes(SPAN_ID_BYTES).toString('hex');
  return formatTraceparent({ traceId, spanId, flags: cursor.u8() });
}

function readBody(cursor: ByteCursor, length: number): Buffer {
  if (length > LIMITS.bodyBytesMax) throw new MalformedBytes(`a body of ${length} bytes`);
  return cursor.bytes(length);
}

function readAnswers(cursor: ByteCursor): AnswerBatch {
  const from = cursor.name();
  const count = cursor.u16();
  cursor.require(count * ANSWER_HEAD_BYTES);
  const answers = Array.from({ length: count }, () => readAnswer(cursor));
  cursor.end();
  return { from, answers };
}

function readAnswer(cursor: ByteCursor): Answer {
  const kind = pick(ANSWER_KINDS, cursor.u8());
  const shard = readShard(cursor);
  const stream = cursor.u32();
  switch (kind) {
    case 'settled':
      return { kind, shard, stream, numbers: readNumbers(cursor) };
    case 'gap':
      return { kind, shard, stream, expected: cursor.integer(0) };
    case 'not-owner':
      return { kind, shard, stream, epoch: readOptionalEpoch(cursor) };
  }
}

function readNumbers(cursor: ByteCursor): number[] {
  const count = cursor.u16();
  cursor.require(count * 8);
  return Array.from({ length: count }, () => cursor.integer(0));
}

function readShard(cursor: ByteCursor): number {
  const shard = cursor.u16();
  if (shard >= LIMITS.shardCount) throw new MalformedBytes(`there is no shard ${shard}`);
  return shard;
}

/** PostgreSQL's bigint. */
function readEpoch(cursor: ByteCursor): bigint {
  const epoch = cursor.u64();
  if (epoch > EPOCH_MAX) throw new MalformedBytes(`${epoch.toString()} is no epoch`);
  return epoch;
}

function readOptionalEpoch(cursor: ByteCursor): bigint | null {
  const given = cursor.u8();
  if (given > 1) throw new MalformedBytes(`${given} is neither yes nor no`);
  return given === 0 ? null : readEpoch(cursor);
}

function pick<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new MalformedBytes(`${index} is not in a list of ${list.length}`);
  return item;
}
