import type { ErrorCategory } from '../domain/error-category.ts';
import { tlsAdviceOf } from './tls-errors.ts';

/**
 * What errors of PostgreSQL, RabbitMQ, Redis and the network mean, by the codes they come with. The only place where such
 * a code is judged: whoever has to know whether waiting helps, or what to tell a person, asks here.
 */
export interface ServerErrorMeaning {
  readonly category: Extract<ErrorCategory, 'validation' | 'temporary' | 'system'>;
  /** What to tell a person who started a command, where more is known than the server's own words. */
  readonly advice?: string;
}

export interface SqlStateMeaning extends ServerErrorMeaning {
  /**
   * Whether the server says by it that it has rolled back. Without that a failed commit is of unknown outcome: 57P01 (the
   * backend is shut down) and a lost connection can both come after the commit record is on disk.
   */
  readonly rolledBack?: true;
}

/** SQLSTATE of a lock that was not to be had within `lock_timeout`. */
export const LOCK_NOT_AVAILABLE = '55P03';

const MIGRATE_FIRST = 'the ledger tables are missing: run `paygate migrate` first';

/** By SQLSTATE; the longest prefix found here counts (a class has two characters). */
const BY_SQL_STATE: Readonly<Record<string, SqlStateMeaning>> = {
  /** The connection broke. */
  '08': { category: 'temporary' },
  /** Data that does not fit its column: a date that does not exist, a number out of range. */
  '22': { category: 'validation', rolledBack: true },
  /** A constraint: also the same id or key inserted by two commits at once. */
  '23': { category: 'validation', rolledBack: true },
  /** The server ended an idle transaction. */
  '25P03': { category: 'temporary' },
  '28': { category: 'system', advice: 'PostgreSQL refuses this user: check DATABASE_URL' },
  '28P01': { category: 'system', advice: 'PostgreSQL refuses this user or password: check DATABASE_URL' },
  '3D000': {
    category: 'system',
    advice: 'this database does not exist: create it or correct DATABASE_URL',
  },
  '3F000': { category: 'system', advice: MIGRATE_FIRST },
  /** Transaction rolled back, nothing more is said; completion unknown is 40003. */
  '40': { category: 'temporary' },
  /** Serialization failure; the commit function raises it when a row changed under it. */
  '40001': { category: 'temporary', rolledBack: true },
  /** Deadlock. */
  '40P01': { category: 'temporary', rolledBack: true },
  '42P01': { category: 'system', advice: MIGRATE_FIRST },
  '42703': {
    category: 'system',
    advice: 'the ledger tables are those of an older version: run `paygate migrate` first',
  },
  /** Memory, disk, connections. */
  '53': { category: 'temporary' },
  [LOCK_NOT_AVAILABLE]: { category: 'temporary', rolledBack: true },
  /** Cancelled, by `statement_timeout` or an operator. */
  '57014': { category: 'temporary', rolledBack: true },
  /** Shutting down, crashed, starting up. */
  '57P': { category: 'temporary' },
  /** The system around the server: disk, files. */
  '58': { category: 'temporary' },
};

/** By reply code of AMQP. */
const BY_REPLY_CODE: Readonly<Record<number, ServerErrorMeaning>> = {
  /** Larger than the broker takes. */
  311: { category: 'validation' },
  /** No such queue (a returned message), nobody reads it. */
  312: { category: 'temporary' },
  313: { category: 'temporary' },
  /** The broker closes: it is shut down, or an operator said so. */
  320: { category: 'temporary' },
  /** No such vhost. */
  402: { category: 'system' },
  403: { category: 'system' },
  404: { category: 'system' },
  /** An exclusive queue of another connection. */
  405: { category: 'temporary' },
  /** A queue was declared with other arguments; a delivery tag was acknowledged twice. */
  406: { category: 'system' },
  /** Memory, disk, queue length. */
  506: { category: 'temporary' },
  /** A delivery limit, or an error inside the broker. */
  541: { category: 'temporary' },
};

/** By the word that an error of Redis begins with. */
const BY_REDIS_PREFIX: Readonly<Record<string, ServerErrorMeaning>> = {
  BUSY: { category: 'temporary' },
  CLUSTERDOWN: { category: 'temporary' },
  LOADING: { category: 'temporary' },
  MASTERDOWN: { category: 'temporary' },
  MISCONF: { category: 'temporary' },
  /** A replica: after a failover the master is elsewhere. */
  READONLY: { category: 'temporary' },
  OOM: { category: 'temporary' },
  TRYAGAIN: { category: 'temporary' },
  /** The script is sent whole then. */
  NOSCRIPT: { category: 'temporary' },
  NOAUTH: { category: 'system', advice: 'Redis refuses this user or password: check REDIS_URL' },
  WRONGPASS: { category: 'system', advice: 'Redis refuses this user or password: check REDIS_URL' },
  NOPERM: { category: 'system', advice: 'Redis forbids this to its user: check REDIS_URL and its ACL' },
  WRONGTYPE: { category: 'system' },
};

export interface NetworkMeaning extends ServerErrorMeaning {
  readonly trouble: 'unreachable' | 'unknown host' | 'broken';
}

const UNREACHABLE: NetworkMeaning = { category: 'temporary', trouble: 'unreachable' };

/** By the code of an error of the network. */
const BY_NETWORK_CODE: Readonly<Record<string, NetworkMeaning>> = {
  ECONNREFUSED: UNREACHABLE,
  ECONNRESET: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EPIPE: { category: 'temporary', trouble: 'broken' },
  /** The resolver has no answer yet; with ENOTFOUND it has one. */
  EAI_AGAIN: { category: 'temporary', trouble: 'unknown host' },
  ENOTFOUND: { category: 'system', trouble: 'unknown host' },
};

/** An unknown code is `system`: waiting for what nobody has thought of would hide it. */
const UNKNOWN: ServerErrorMeaning = { category: 'system' };

export function meaningOfSqlState(sqlState: string): SqlStateMeaning {
  for (let length = sqlState.length; length >= 2; length -= 1) {
    const meaning = BY_SQL_STATE[sqlState.slice(0, length)];
    if (meaning !== undefined) return meaning;
  }
  return UNKNOWN;
}

export function meaningOfReplyCode(replyCode: number): ServerErrorMeaning {
  return BY_REPLY_CODE[replyCode] ?? UNKNOWN;
}

/** SQLSTATE of a driver's error; null for one of the socket (its code begins with E, as no SQLSTATE does), or of anything else. */
export function sqlStateOf(error: unknown): string | null {
  const code = textCodeOf(error);
  return code !== null && /^(?!E)[0-9A-Z]{5}$/.test(code) ? code : null;
}

/** Reply code of an error that amqplib made of one; null: it is none of the broker's. */
export function replyCodeOf(error: unknown): number | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null;
}

/** The word that an error of Redis begins with; null: it is none of Redis'. */
export function redisPrefixOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const [word] = error.message.split(' ', 1);
  return word !== undefined && Object.hasOwn(BY_REDIS_PREFIX, word) ? word : null;
}

/** What is wrong with the way to a server; null: nothing, as far as the error says. */
export function networkMeaningOf(error: unknown): NetworkMeaning | null {
  return BY_NETWORK_CODE[textCodeOf(error) ?? ''] ?? null;
}

/** null: the error has no code that any of the servers, or the network, gives. */
export function meaningOf(error: unknown): ServerErrorMeaning | null {
  const network = networkMeaningOf(error);
  if (network !== null) return network;
  const advice = tlsAdviceOf(textCodeOf(error) ?? '');
  if (advice !== null) return { category: 'system', advice };
  const sqlState = sqlStateOf(error);
  if (sqlState !== null) return meaningOfSqlState(sqlState);
  const replyCode = replyCodeOf(error);
  if (replyCode !== null) return meaningOfReplyCode(replyCode);
  const prefix = redisPrefixOf(error);
  return prefix === null ? null : (BY_REDIS_PREFIX[prefix] ?? null);
}

function textCodeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
