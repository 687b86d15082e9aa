import type { TableRow } from '../../src/domain/shadow/table-row.ts';

/** An approved deposit of 1.00 as `transactions` holds it; the number makes its id. */
export function tableRow(number: number, fields: Pick<TableRow, 'accountId'> & Partial<TableRow>): TableRow {
  const id = `10000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  return {
    id,
    cardId: null,
    amountCents: 100n,
    type: 'DEPOSIT',
    status: 'APPROVED',
    idempotencyKey: `key-${id}`,
    originalId: null,
    createdAt: '2026-11-22T12:00:00.000000Z',
    ...fields,
  };
}
