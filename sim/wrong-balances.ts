import type { JournalRow, OrderRow, SimTables } from './servers/sim-tables.ts';
import { admissibleOutcomes } from './reference-model.ts';
import type { Standing } from './reference-model.ts';
import type { Violation } from './violation.ts';
import { short } from './words.ts';

/** Promise 5: goes along each account's journal, with the reference model beside it. */
export function* wrongBalances(tables: SimTables): Generator<Violation> {
  for (const accountId of tables.accounts) yield* alongJournal(tables, accountId);
  for (const [id, { decision }] of tables.decided) {
    const row = tables.rows.get(id);
    if (row?.status !== decision.outcome || row.amountCents !== decision.requestedCents)
      yield { promise: 5, detail: `the row of ${short(id)} does not say what was decided` };
  }
}

function* alongJournal(tables: SimTables, accountId: string): Generator<Violation> {
  let standing: Standing = { balanceCents: 0n, overdraftCents: 0n, status: 'active' };
  let seq = 0n;
  const before: JournalRow[] = [];
  for (const entry of entriesOf(tables, accountId)) {
    seq += 1n;
    if (seqOf(entry) !== seq)
      yield { promise: 5, detail: `${short(accountId)}: seq ${seqOf(entry)} where ${seq} should be` };
    const earlier = standing;
    if ('orderId' in entry) {
      const { overdraftCents, status } = entry.state;
      standing = { balanceCents: earlier.balanceCents + entry.amountCents, overdraftCents, status };
      if (entry.state.balanceCents !== standing.balanceCents)
        yield { promise: 5, detail: `${short(entry.orderId)}: balance after` };
    } else {
      yield* judged(tables, before, earlier, entry);
      const { decision } = entry;
      standing = { ...earlier, balanceCents: earlier.balanceCents + decision.amountCents };
      if (decision.balanceAfterCents !== standing.balanceCents)
        yield { promise: 5, detail: `${short(decision.command.transactionId)}: balance after` };
      before.push(entry);
    }
    const isLower = standing.balanceCents < earlier.balanceCents;
    if (isLower && standing.balanceCents < -standing.overdraftCents)
      yield { promise: 5, detail: `${short(accountId)} seq ${seq}: the balance is ${standing.balanceCents}` };
  }
  if ((tables.states.get(accountId)?.balanceCents ?? 0n) !== standing.balanceCents)
    yield { promise: 5, detail: `the balance of ${short(accountId)} is not its journal's` };
}

function* judged(
  tables: SimTables,
  before: readonly JournalRow[],
  standing: Standing,
  { decision }: JournalRow,
): Generator<Violation> {
  const admissible = admissibleOutcomes(tables, before, standing, decision.command).map(said);
  if (admissible.includes(said(decision))) return;
  const id = short(decision.command.transactionId);
  yield { promise: 5, detail: `${id} is ${said(decision)}, the model says ${admissible.join(' or ')}` };
}

function entriesOf(tables: SimTables, accountId: string): readonly (JournalRow | OrderRow)[] {
  const orders = [...tables.orders.values()].filter((order) => order.accountId === accountId);
  const entries: (JournalRow | OrderRow)[] = [...(tables.journals.get(accountId) ?? []), ...orders];
  return entries.sort((a, b) => Number(seqOf(a) - seqOf(b)));
}

function seqOf(entry: JournalRow | OrderRow): bigint {
  return 'orderId' in entry ? entry.seq : entry.decision.seq;
}

function said({ outcome, reason }: { readonly outcome: string; readonly reason: string | null }): string {
  return reason === null ? outcome : `${outcome} ${reason}`;
}
