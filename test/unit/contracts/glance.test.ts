/**
 * Without these: a message that is sent on unread to a node that decodes another account from it (its command is given up as our own mistake),
 * a message of the Go API that is decoded twice for nothing, or the beginning of every message kept until it is answered.
 */
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../../src/contracts/decode.ts';
import { DECODE_LIMITS } from '../../../src/contracts/decode-limits.ts';
import { glanceAt } from '../../../src/contracts/glance.ts';
import { liveBodyOf } from '../../../src/contracts/live-body.ts';
import { keptBytesEach } from '../../support/kept-bytes.ts';
import { fc } from '../../support/properties.ts';
import { bytes, DOCUMENTED, LIVE } from './messages.ts';

const ID = '11111111-2222-4333-8444-555555555555';
const ACCOUNT = 'AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee';
const OTHER = '99999999-9999-4999-8999-999999999999';
const live = { ...LIVE, id: ID, account_id: ACCOUNT };

describe('what shows at a glance', () => {
  it.each([
    ['as Go writes it', JSON.stringify(live)],
    ['with blanks between', JSON.stringify(live).replaceAll('":', '": ').replaceAll(',"', ', "')],
  ])('the ids of a live message %s', (_name, text) => {
    const glance = glanceAt('transactions_queue', Buffer.from(text));
    expect(glance).toEqual({ shape: 'live', transactionId: ID, accountId: ACCOUNT.toLowerCase() });
  });

  it('of a documented message', () => {
    const body = bytes({ ...DOCUMENTED, transaction_id: ID, account_id: ACCOUNT });
    expect(glanceAt('refund_queue', body)).toEqual({
      ...{ shape: 'documented', transactionId: ID, accountId: ACCOUNT.toLowerCase() },
    });
  });

  it('of the message that stands for a row', () => {
    const row = { cardId: null, amountCents: 1n, type: 'DEPOSIT', idempotencyKey: 'k', originalId: null };
    const body = liveBodyOf({ id: ID, accountId: ACCOUNT, ...row, createdAt: '2026-11-22T10:40:00Z' });
    expect(glanceAt('transactions_queue', body)).not.toBeNull();
  });
});

it('keeps nothing of the text but the ids', () => {
  const bodies = Array.from({ length: 5_000 }, () => bytes(LIVE));
  // Two ids and an object are 160, with the text they are cut out of 300.
  expect(keptBytesEach(bodies, (body) => glanceAt('transactions_queue', body))).toBeLessThan(220);
});

describe('what has to be decoded', () => {
  const { id, account_id: account, ...others } = live;
  it.each([
    ['another order of fields', JSON.stringify({ account_id: account, id, ...others })],
    ['something before them', JSON.stringify({ status: 'PENDING', ...live })],
    ['a name that is escaped', JSON.stringify(live).replace('account_id', 'account\\u005fid')],
    ['an account that is no id', JSON.stringify({ ...live, account_id: 'me' })],
    ['nothing after them', `{"id":"${ID}","account_id":"${ACCOUNT}"}`],
    ['a byte order mark', `\uFEFF${JSON.stringify(live)}`],
    ['nothing', ''],
  ])('%s', (_name, text) => {
    expect(glanceAt('transactions_queue', Buffer.from(text))).toBeNull();
  });

  it('a balance request', () => {
    expect(glanceAt('calculate_balance_queue', bytes(live))).toBeNull();
  });

  it('a body that is larger than anybody decodes: it could not travel', () => {
    const body = bytes({ ...live, padding: 'x'.repeat(DECODE_LIMITS.bodyBytesMax) });
    expect(glanceAt('transactions_queue', body)).toBeNull();
  });
});

describe('what the decoder says of the same body', () => {
  const rest = JSON.stringify(live).slice(1, -1);
  const agrees = (body: Buffer): void => {
    const glance = glanceAt('transactions_queue', body);
    const decoded = decodeMessage('transactions_queue', body);
    if (glance === null || !decoded.ok || decoded.command.kind !== 'transaction') return;
    expect(decoded.command).toMatchObject(glance);
  };

  it.each([
    ['the account named twice', `{${rest},"account_id":"${OTHER}"}`],
    ['the account named twice, escaped', `{${rest},"account\\u005fid":"${OTHER}"}`],
    ['the id named twice', `{${rest},"id":"${OTHER}"}`],
    ['both ids', `{${rest},"transaction_id":"${OTHER}"}`],
    [
      'bytes that are no text',
      Buffer.concat([Buffer.from(`{${rest},"x":"`), Buffer.from([0xff]), Buffer.from('"}')]),
    ],
    ['an end that is missing', `{${rest}`],
  ])('%s: it refuses', (_name, text) => {
    const body = Buffer.from(text);
    expect(glanceAt('transactions_queue', body)).not.toBeNull();
    expect(decodeMessage('transactions_queue', body).ok).toBe(false);
  });

  it('the same ids, or a refusal, whatever is damaged', () => {
    const fields = fc.constantFrom('id', 'transaction_id', 'account_id', 'account\\u005fid', 'status');
    const values = fc.constantFrom(`"${ID}"`, `"${OTHER}"`, `"${ACCOUNT}"`, 'null', '{"account_id":1}');
    const extra = fc.array(fc.tuple(fields, values), { maxLength: 3 });
    fc.assert(
      fc.property(extra, fc.nat(600), fc.nat(255), (pairs, place, byte) => {
        const more = pairs.map(([name, value]) => `,"${name}":${value}`).join('');
        const body = Buffer.from(`{${rest}${more}}`);
        agrees(body);
        body[place % body.length] = byte;
        agrees(body);
      }),
      { numRuns: 2_000 },
    );
  });
});
