import { randomUUID } from 'node:crypto';
import { Chance } from '../../sim/chance.ts';
import { SimLedger } from '../../sim/servers/sim-ledger.ts';
import { SimLink } from '../../sim/servers/sim-link.ts';
import { SimOperatorLedger } from '../../sim/servers/sim-operator-ledger.ts';
import { SimReader } from '../../sim/servers/sim-reader.ts';
import { SimDeadLetters, SimQuarantines, SimRetries } from '../../sim/servers/sim-stores.ts';
import { SimParked } from '../../sim/servers/sim-parked.ts';
import { SimOutbox } from '../../sim/servers/sim-outbox.ts';
import { SimSweeps } from '../../sim/servers/sim-sweeps.ts';
import { SimTables, timeText } from '../../sim/servers/sim-tables.ts';
import { SimProcess } from '../../sim/sim-process.ts';
import { DirectoryOnRows } from '../support/fakes/fake-directory.ts';
import { INCARNATION } from '../support/ledger-fixtures.ts';
import type { LedgerServer } from './ledger-server.ts';
import type { PassingTime } from './passing-time.ts';

/** The simulated PostgreSQL, over a link that is well. */
export function simLedgerServer({ time }: PassingTime): LedgerServer {
  const tables = new SimTables(time);
  const link = new SimLink(time, new SimProcess(time), new Chance(1), tables);
  const none = (): void => undefined;
  const incarnation = INCARNATION;
  return {
    ledger: new SimLedger({ tables, link, incarnation, bug: null, onFault: none, onWritten: none }),
    operatorLedger: new SimOperatorLedger({ tables, link, incarnation, onOrder: none }),
    reader: new SimReader(tables, link),
    letters: new SimDeadLetters(tables, link),
    retries: new SimRetries(tables, link),
    parked: new SimParked(tables, link),
    quarantines: new SimQuarantines(tables, link),
    directoryOf: (claimant) => new DirectoryOnRows(tables.shards, claimant, (act) => link.ask(act)),
    outboxOf: (taker) => new SimOutbox(tables, link, taker),
    sweepsOf: (sweeper) => new SimSweeps(tables, link, sweeper),
    ...goApiOn(tables),
    ...lookAt(tables),
  };
}

type GoApi = Pick<LedgerServer, 'newAccount' | 'newCard' | 'insertRow' | 'deleteRow'>;

function goApiOn(tables: SimTables): GoApi {
  return {
    newAccount: () => {
      const accountId = randomUUID();
      tables.accounts.add(accountId);
      return Promise.resolve(accountId);
    },
    newCard: (accountId) => {
      const cardId = randomUUID();
      tables.cards.set(cardId, accountId);
      return Promise.resolve(cardId);
    },
    insertRow: (command, status = 'PENDING', ageMs = 0) => {
      const { transactionId, accountId, type, cardId, amountCents, idempotencyKey } = command;
      const createdAtMs = tables.time.nowMs - ageMs;
      tables.addRow({
        ...{ transactionId, accountId, type, cardId, amountCents, idempotencyKey, status },
        ...{ originalId: null, createdAtMs, createdAt: timeText(createdAtMs) },
      });
      return Promise.resolve();
    },
    deleteRow: (transactionId) => {
      const row = tables.rows.get(transactionId);
      tables.rows.delete(transactionId);
      tables.keys.delete(row?.idempotencyKey ?? '');
      return Promise.resolve();
    },
  };
}

type Look = Pick<
  LedgerServer,
  'rowOf' | 'standingOf' | 'setBalance' | 'journalOf' | 'lettersSeen' | 'closeLetters' | 'outboxSeen'
>;

function lookAt(tables: SimTables): Look {
  return {
    rowOf: (id) => {
      const row = tables.rows.get(id);
      if (row === undefined) return Promise.resolve(null);
      const { accountId, type, amountCents, cardId, idempotencyKey, status, originalId } = row;
      return Promise.resolve({ accountId, type, amountCents, cardId, idempotencyKey, status, originalId });
    },
    standingOf: (accountId) => {
      const state = tables.states.get(accountId);
      if (state === undefined) return Promise.resolve(null);
      return Promise.resolve({ balanceCents: state.balanceCents, seq: state.seq });
    },
    setBalance: (accountId, balanceCents) => {
      const state = tables.states.get(accountId);
      if (state !== undefined) tables.states.set(accountId, { ...state, balanceCents });
      return Promise.resolve();
    },
    journalOf: (accountId) =>
      Promise.resolve(
        (tables.journals.get(accountId) ?? []).map(({ decision }) => decision.command.transactionId),
      ),
    lettersSeen: () => Promise.resolve(tables.letters.map(({ code, state }) => `${code} ${state}`)),
    closeLetters: () => {
      for (const letter of tables.letters) letter.state = 'replayed';
      return Promise.resolve();
    },
    outboxSeen: () => Promise.resolve([...tables.outbox.keys()]),
  };
}
