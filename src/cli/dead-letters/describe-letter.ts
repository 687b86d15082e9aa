import type { LetterDetails, LetterPage, LetterView } from '../../infra/postgres/letter-view.ts';
import { bold, count, paint, table } from '../output.ts';

const DETAIL_CHARS_MAX = 60;
const BODY_CHARS_MAX = 4_000;

function shortened(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`;
}

export function describePage({ letters, total, decidedSince }: LetterPage): string {
  const more = total - letters.length;
  const lines = [
    letters.length === 0 ? 'There are none.' : letterTable(letters),
    ...(more > 0 ? [`… and ${count(more)} more: --limit shows them, a filter narrows them down.`] : []),
    ...(decidedSince > 0
      ? [
          `${count(decidedSince)} more are open, but their transactions were decided since: --state decided shows them.`,
        ]
      : []),
  ];
  return lines.join('\n');
}

function letterTable(letters: readonly LetterView[]): string {
  return table(
    ['id', 'since', 'reason', 'category', 'from', 'state', 'transaction', 'detail'],
    letters.map((letter) => [
      letter.id,
      letter.createdAt,
      letter.code,
      letter.category,
      letter.queue,
      letter.standing === 'open' ? paint('yellow', 'open') : letter.standing,
      letter.transactionId,
      shortened(letter.detail, DETAIL_CHARS_MAX),
    ]),
  );
}

/** Valid UTF-8 without control characters is shown as it is, everything else in hexadecimal. */
function bodyText(body: Buffer): string {
  const text = body.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(body) && !/[^\P{Cc}\n\t\r]/u.test(text);
  return shortened(isText ? text : body.toString('hex'), BODY_CHARS_MAX);
}

function facts(letter: LetterDetails): readonly (readonly [string, string])[] {
  const { transactionId, accountId, transactionStatus, closedAt, closedBy, standing } = letter;
  const decided = standing === 'decided' ? ', but its transaction was decided since' : '';
  const closed = closedAt === null ? '' : ` by ${closedBy ?? 'nobody known'} at ${closedAt}`;
  return [
    ['reason', `${letter.code} (${letter.category}): ${letter.detail}`],
    ['state', `${standing === 'decided' ? 'open' : standing}${decided}${closed}`],
    ['given up', `${letter.createdAt}, first seen ${letter.firstSeenAt}, tries ${count(letter.attempts)}`],
    ['queues', `from ${letter.queue} to ${letter.deadLetterQueue}`],
    ...(transactionId === null
      ? []
      : ([['transaction', `${transactionId}, ${transactionStatus ?? 'no row'}`]] as const)),
    ...(accountId === null ? [] : ([['account', accountId]] as const)),
    ...letter.history.map(
      ({ at, operator, action, why }) =>
        ['history', `${action} by ${operator} at ${at}${why === null ? '' : `: ${why}`}`] as const,
    ),
    [
      'body',
      letter.keptBytes < letter.bodyBytes
        ? `${count(letter.bodyBytes)} bytes, of which the first ${count(letter.keptBytes)} are kept here`
        : `${count(letter.bodyBytes)} bytes`,
    ],
    ['SHA-256', letter.bodySha256],
  ];
}

export function describeLetter(letter: LetterDetails): string {
  const lines = facts(letter).map(([name, text]) => `  ${name.padEnd(12)} ${text}`);
  return [bold(`dead letter ${letter.id}`), ...lines, '', bodyText(letter.body)].join('\n');
}

/** For `--json`: the body as text where it is UTF-8, and always in base64. */
export function letterJson({ body, ...letter }: LetterDetails): object {
  const text = body.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(body);
  return { ...letter, body: isText ? text : null, bodyBase64: body.toString('base64') };
}
