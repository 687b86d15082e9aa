import type { Envelope, GiveBackReason } from '../../../src/machines/envelope.ts';
import type {
  BalanceCommand,
  Command,
  OperatorAction,
  OperatorCommand,
  TransactionCommand,
} from '../../../src/contracts/command.ts';
import type { StoredTransaction } from '../../../src/domain/identity.ts';
import type { Settlement } from '../../../src/domain/settlement.ts';

export const accountIdOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
export const transactionIdOf = (n: number): string =>
  `11111111-0000-4000-8000-${String(n).padStart(12, '0')}`;
export const cardIdOf = (n: number): string => `22222222-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** Transaction `n`: a documented deposit of 100 cents to account 1, unless told otherwise. */
export function transaction(n: number, fields: Partial<TransactionCommand> = {}): TransactionCommand {
  return {
    kind: 'transaction',
    shape: 'documented',
    transactionId: transactionIdOf(n),
    accountId: accountIdOf(1),
    type: 'DEPOSIT',
    amountCents: 100n,
    cardId: null,
    originalId: null,
    idempotencyKey: `key-${n}`,
    occurredAt: '2026-11-22T10:40:00Z',
    ...fields,
  };
}

export function balanceRequest(fields: Partial<BalanceCommand> = {}): BalanceCommand {
  const accountId = accountIdOf(1);
  return { kind: 'balance', shape: 'live', accountId, cardId: null, forceRecalculation: false, ...fields };
}

export const orderIdOf = (n: number): string => `33333333-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** Order `n` for account 1. */
export function operatorOrder(
  n: number,
  action: OperatorAction,
  fields: Partial<OperatorCommand> = {},
): OperatorCommand {
  const orderId = orderIdOf(n);
  const accountId = accountIdOf(1);
  return { kind: 'operator', orderId, accountId, action, operator: 'ada', why: 'a test', ...fields };
}

/** The `PENDING` row that the Go API commits before it publishes. */
export function pendingRow(command: TransactionCommand): StoredTransaction {
  const { transactionId, accountId, type, amountCents, cardId, idempotencyKey } = command;
  const known = { transactionId, accountId, type, amountCents, cardId, idempotencyKey };
  return { ...known, originalId: undefined, status: 'PENDING', reason: null };
}

/** Remembers how it ended; ending twice throws. */
export class FakeEnvelope<C extends Command = Command> implements Envelope<C> {
  readonly command: C;
  readonly road = 'delivery';
  readonly shard: number;
  readonly attempt = 0;
  readonly mayDecideError: boolean;
  readonly receivedAtMs: number;
  readonly firstSeenAtMs: number;
  /** Called inside `settle`, after it was noted. */
  onSettle: ((settlement: Settlement) => void) | null = null;
  settlement: Settlement | null = null;
  givenBack: GiveBackReason | null = null;

  constructor(
    command: C,
    fields: { readonly shard?: number; readonly seenAtMs?: number; readonly mayDecideError?: boolean } = {},
  ) {
    this.command = command;
    this.shard = fields.shard ?? 0;
    this.mayDecideError = fields.mayDecideError ?? false;
    this.receivedAtMs = fields.seenAtMs ?? 1_800_000_000_000;
    this.firstSeenAtMs = this.receivedAtMs;
  }

  get isOpen(): boolean {
    return this.settlement === null && this.givenBack === null;
  }

  /** `decided APPROVED`, `repeat`, `failed ACCOUNT_UNKNOWN`, `given back fenced`, `open`. */
  get ending(): string {
    if (this.givenBack !== null) return `given back ${this.givenBack}`;
    return this.settlement === null ? 'open' : describe(this.settlement);
  }

  settle(settlement: Settlement): void {
    this.#mustBeOpen('settled');
    this.settlement = settlement;
    this.onSettle?.(settlement);
  }

  giveBack(reason: GiveBackReason): void {
    this.#mustBeOpen('given back');
    this.givenBack = reason;
  }

  #mustBeOpen(what: string): void {
    if (!this.isOpen) throw new Error(`${what} after it was ${this.ending}`);
  }
}

function describe(settlement: Settlement): string {
  switch (settlement.kind) {
    case 'decided':
      return `decided ${settlement.decision.reason ?? settlement.decision.outcome}`;
    case 'deferred':
    case 'failed':
      return `${settlement.kind} ${settlement.code}`;
    case 'operated':
      return `operated ${settlement.result.kind}`;
    case 'repeat':
    case 'same-key':
    case 'answered':
    case 'parked':
      return settlement.kind;
  }
}
