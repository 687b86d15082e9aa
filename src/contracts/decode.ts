import type { z } from 'zod';
import { balanceRequest, commandOfBalance } from './balance-message.ts';
import type { Command } from './command.ts';
import { DECODE_LIMITS, type DecodeLimits } from './decode-limits.ts';
import { amountExpectation } from './fields.ts';
import { QUEUE_KIND, type DeadLetterQueue, type InboundQueue } from './queues.ts';
import { quickLive } from './quick-live.ts';
import { readBody } from './read-body.ts';
import type { Refusal, RefusalIssue } from './refusal.ts';
import type { BodyScan } from './scan-body.ts';
import {
  commandOfDocumented,
  commandOfLive,
  documentedTransaction,
  liveTransaction,
} from './transaction-message.ts';

/**
 * Bytes from a queue → one command, or the reason why not.
 *
 * D1. Never throws, whatever the bytes are.
 * D2. An amount is taken over exactly or not at all.
 * D3. A reason names fields of the contract and what is expected there, never a value of the message.
 */

export type Decoded =
  { readonly ok: true; readonly command: Command } | { readonly ok: false; readonly refusal: Refusal };

type Shaped =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly issues: readonly RefusalIssue[] };

const DEAD_LETTER_QUEUE_OF_KIND = {
  transaction: 'transactions_dlq',
  balance: 'balance_dlq',
} as const satisfies Record<(typeof QUEUE_KIND)[InboundQueue], DeadLetterQueue>;

/** `queue` decides which schemas are tried and where a refused object goes; what is no JSON object goes to `system_dlq`. */
export function decodeMessage(queue: InboundQueue, body: Buffer): Decoded {
  const command = QUEUE_KIND[queue] === 'transaction' ? quickLive(body) : null;
  return command === null ? decodeBySchema(queue, body) : { ok: true, command };
}

/** The same without the quick road. */
export function decodeBySchema(
  queue: InboundQueue,
  body: Buffer,
  limits: DecodeLimits = DECODE_LIMITS,
): Decoded {
  const read = readBody(body, limits);
  if (!read.ok) {
    const issues = [{ path: '$', expected: read.expected }];
    return { ok: false, refusal: { code: read.code, deadLetterQueue: 'system_dlq', issues } };
  }
  const kind = QUEUE_KIND[queue];
  const shaped = kind === 'transaction' ? transactionOf(read.message) : balanceOf(read.message);
  const amountExpected = kind === 'transaction' ? amountExpectation(read.scan.amountToken) : null;
  if (shaped.ok && amountExpected === null && read.scan.repeated.length === 0) return shaped;

  const issues = [...textIssues(read.scan, amountExpected), ...(shaped.ok ? [] : shaped.issues)];
  return {
    ok: false,
    refusal: {
      code: 'MESSAGE_INVALID',
      deadLetterQueue: DEAD_LETTER_QUEUE_OF_KIND[kind],
      issues: firstPerPath(issues).slice(0, limits.refusalIssuesMax),
    },
  };
}

function transactionOf(message: object): Shaped {
  const live = Object.hasOwn(message, 'id');
  const documented = Object.hasOwn(message, 'transaction_id');
  if (live && documented)
    return invalid('$', 'id (live shape) or transaction_id (documented shape), not both');
  if (live) return shape(liveTransaction, commandOfLive, message);
  if (documented) return shape(documentedTransaction, commandOfDocumented, message);
  return invalid('$', 'a transaction with id (live shape) or transaction_id (documented shape)');
}

function balanceOf(message: object): Shaped {
  return shape(balanceRequest, commandOfBalance, message);
}

function shape<T>(schema: z.ZodType<T>, toCommand: (message: T) => Command, message: object): Shaped {
  const parsed = schema.safeParse(message);
  if (parsed.success) return { ok: true, command: toCommand(parsed.data) };
  return {
    ok: false,
    issues: parsed.error.issues.map((issue) => ({
      path: ['$', ...issue.path.map(String)].join('.'),
      expected: issue.message,
    })),
  };
}

function invalid(path: string, expected: string): Shaped {
  return { ok: false, issues: [{ path, expected }] };
}

/** What only the text of the body shows. */
function textIssues(scan: BodyScan, amountExpected: string | null): readonly RefusalIssue[] {
  const issues = scan.repeated.map((path) => ({ path, expected: 'exactly one field of this name' }));
  if (amountExpected !== null) issues.push({ path: '$.amount_cents', expected: amountExpected });
  return issues;
}

/** The text tells more than the parsed value does, so what was found there comes first and stands. */
function firstPerPath(issues: readonly RefusalIssue[]): readonly RefusalIssue[] {
  const paths = new Set<string>();
  return issues.filter((issue) => !paths.has(issue.path) && paths.add(issue.path));
}
