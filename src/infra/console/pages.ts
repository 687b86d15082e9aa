import type pg from 'pg';
import type {
  AccountNote,
  AccountPage,
  JournalRow,
  TransactionPage,
  WaitingRow,
} from '../../contracts/console.ts';
import { formatCents } from '../../domain/money.ts';
import { LIMITS } from '../../limits.ts';
import { readAccount } from '../postgres/account-view.ts';
import { explainTransaction, type TransactionExplanation } from '../postgres/explain.ts';
import type { JournalEntry } from '../postgres/journal-entry.ts';
import { readWaitingRows, type WaitingList } from '../postgres/waiting-view.ts';
import { maskedPayload } from './masked-payload.ts';

/** null: there is no such account. Rejects with the driver's error. */
export async function accountPage(
  pool: pg.Pool,
  accountId: string,
  liveOf: (accountId: string) => AccountNote | null,
): Promise<AccountPage | null> {
  const view = await readAccount(pool, accountId, { journalLimit: LIMITS.consoleJournalRows });
  if (view === null) return null;
  return {
    ...view,
    balanceCents: view.balanceCents.toString(),
    overdraftCents: view.overdraftCents.toString(),
    seq: view.seq.toString(),
    epoch: view.epoch.toString(),
    journal: view.journal.map(journalRow),
    live: liveOf(view.accountId),
  };
}

/** Rejects with the driver's error. */
export async function transactionPage(pool: pg.Pool, transactionId: string): Promise<TransactionPage> {
  const found = await explainTransaction(pool, transactionId);
  return {
    transactionId: found.transactionId,
    known: found.known,
    sentence: found.sentence,
    accountId: found.row?.accountId ?? found.decision?.accountId ?? null,
    facts: factsOf(found),
    story: storyOf(found),
  };
}

/** Rejects with the driver's error. */
export async function waitingRows(pool: pg.Pool, list: WaitingList): Promise<readonly WaitingRow[]> {
  const records = await readWaitingRows(pool, list);
  return records.map(({ body, ...record }) => ({ ...record, payload: maskedPayload(body) }));
}

function journalRow(entry: JournalEntry): JournalRow {
  const { order } = entry;
  return {
    seq: entry.seq.toString(),
    transactionId: entry.transactionId,
    type: entry.type,
    outcome: entry.outcome,
    reason: entry.reason,
    requestedCents: entry.requestedCents.toString(),
    amountCents: entry.amountCents.toString(),
    balanceAfterCents: entry.balanceAfterCents.toString(),
    epoch: entry.epoch.toString(),
    road: entry.road,
    decidedAt: entry.decidedAt,
    order: order === null ? null : { operator: order.operator, why: order.why },
  };
}

function factsOf({ row, decision, original, retry }: TransactionExplanation): TransactionPage['facts'] {
  const facts: readonly (readonly [string, string | null | undefined])[] = [
    ['type', row?.type ?? decision?.type],
    ['asked', money(row?.amountCents ?? decision?.requestedCents)],
    ['status', row?.status ?? decision?.outcome],
    ['road', decision?.road],
    ['effect', money(decision?.amountCents)],
    ['balance after it', money(decision?.balanceAfterCents)],
    ['entry of its account', decision?.seq.toString()],
    ['epoch', decision?.epoch.toString()],
    ['card', row?.cardId ?? decision?.cardId],
    ['refunds', original?.transactionId ?? decision?.originalId],
    ['next try', retry === null ? null : `number ${retry.attempt}, ${retry.dueAt}`],
  ];
  return facts.flatMap(([name, value]) => (value == null ? [] : [{ name, value }]));
}

const money = (cents: bigint | undefined): string | undefined =>
  cents === undefined ? undefined : formatCents(cents);

function storyOf({
  row,
  decision,
  retry,
  parked,
  deadLetters,
}: TransactionExplanation): TransactionPage['story'] {
  return [
    ...(row === null
      ? []
      : [{ at: row.createdAt, what: 'requested', detail: `${row.type} of ${formatCents(row.amountCents)}` }]),
    ...(retry === null
      ? []
      : [
          { at: retry.firstSeenAt, what: 'put off', detail: retry.code },
          { at: retry.dueAt, what: 'tried again', detail: `try number ${retry.attempt}` },
        ]),
    ...parked.map(({ since, reason }) => ({ at: since, what: 'parked', detail: reason })),
    ...deadLetters.map(({ createdAt, code, detail, state }) => ({
      at: createdAt,
      what: 'given up',
      detail: `${code} (${state}): ${detail}`,
    })),
    ...(decision === null
      ? []
      : [
          {
            at: decision.decidedAt,
            what: decision.outcome.toLowerCase(),
            detail: decision.reason ?? `balance ${formatCents(decision.balanceAfterCents)}`,
          },
        ]),
  ].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}
