import { existsSync, readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { WHY_CHARS_MAX } from '../contracts/order-mail.ts';
import { ensureError } from '../domain/errors.ts';
import { auditLedger, type AuditOptions } from '../infra/postgres/audit.ts';
import type { AuditReport, SealCounts, Violation, ViolationSample } from '../infra/postgres/audit-report.ts';
import { noteAudit } from '../infra/postgres/ledger-figures.ts';
import { readIntakePause } from '../infra/postgres/intake-pause.ts';
import { withCacheReader } from '../infra/redis/cache-reader.ts';
import { describePause } from './describe-pause.ts';
import { EXIT } from './exit-codes.ts';
import { operatorName } from './operator-options.ts';
import { wholeNumber } from './options.ts';
import { count, jsonText, paint, print } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { progress } from './progress.ts';
import { withPool } from './with-pool.ts';

const DESCRIPTION = `
Audits the whole ledger. Every account: seq without gaps, each balance = the one before + amount, balance = sum of the journal = what Redis shows =
the contract's formula over the APPROVED transactions. Every transaction: journal and status agree. Every refund within
its original. Epochs never fall. Seals: nodes seal the journal about once a minute; a row that was changed, removed or slipped in by hand
afterwards is named. Keep the head that is printed somewhere else, and give it back with --seal-head: seals that were all made anew have another one.

Counts every violation and names the first ones of each kind, or with --samples all each of them (with --json one object a line, the report last); exit
code 1 if there is one. Reads one snapshot in bounded memory, and changes nothing but a line in the operator log, which the metrics show.`;

export interface VerifyOptions {
  /** Nothing may be left to do and every balance must be cached: for a cluster that was drained. */
  readonly expectDrained: boolean;
  readonly quiet: boolean;
  readonly samples?: SampleCount;
  /** Kept from an earlier audit. */
  readonly sealHead?: string;
}

/** Violations of each kind to name. */
type SampleCount = number | 'all';

/** The audit with its progress bar. Shared with the demonstration. */
export async function verifyLedger(config: Config, options: VerifyOptions): Promise<AuditReport> {
  const bar = progress('auditing', { quiet: options.quiet });
  const { samples, sealHead } = options;
  try {
    return await withPool(config, (pool) =>
      withCacheReader(config.redisUrl, (readCached) =>
        auditLedger({
          pool,
          readCached,
          expectCached: options.expectDrained,
          expectDrained: options.expectDrained,
          onProgress: (done, total) => bar.update(done, total),
          ...(samples === undefined ? {} : samplesOf(samples, options.quiet)),
          ...(sealHead === undefined ? {} : { sealHead }),
        }),
      ),
    );
  } finally {
    bar.end();
  }
}

/** All of them are printed when they are found: there may be more than memory holds. */
function samplesOf(samples: SampleCount, json: boolean): Pick<AuditOptions, 'sampleMax' | 'onViolation'> {
  if (samples !== 'all') return { sampleMax: samples };
  return {
    sampleMax: 0,
    onViolation: (kind, violation) =>
      print(json ? jsonText({ kind, ...violation }, 0) : `${kind}  ${sampleLine(violation)}`),
  };
}

function sampleLine({ accountId, transactionId, detail }: ViolationSample): string {
  const place = [
    accountId === null ? '' : `account ${accountId}`,
    transactionId === null ? '' : `transaction ${transactionId}`,
  ];
  return [place.filter((part) => part !== '').join(', '), detail].filter((part) => part !== '').join(': ');
}

function violationLines(violation: Violation): readonly string[] {
  const more = violation.count - violation.samples.length;
  return [
    paint('red', `  ${violation.kind} × ${count(violation.count)}`),
    ...violation.samples.map((sample) => `    ${sampleLine(sample)}`),
    ...(more > 0 && violation.samples.length > 0 ? [`    … and ${count(more)} more`] : []),
  ];
}

function sealedLines({ seals, rows, through, head, keptThrough }: SealCounts): readonly string[] {
  if (through === null) return ['  sealed         nothing yet'];
  return [
    `  sealed         ${count(rows)} journal rows in ${count(seals)} seals, up to ${through}`,
    `                   head ${head ?? '–'}`,
    ...(keptThrough === undefined ? [] : [`                   the head given is that of ${keptThrough}`]),
  ];
}

/** The report in words. */
export function describeAudit(report: AuditReport): string {
  const { counts } = report;
  const reasons = Object.entries(counts.rejectedByReason).sort(([, a], [, b]) => b - a);
  const lines = [
    `  accounts       ${count(counts.accounts)}`,
    `  decisions      ${count(counts.decisions)}: ${count(counts.approved)} approved, ${count(counts.rejected)} rejected`,
    ...reasons.map(([reason, number]) => `                   ${count(number)} × ${reason}`),
    `  waiting        ${count(counts.pending)} pending, ${count(counts.retries)} retries, ${count(counts.parked)} parked`,
    `  dead letters   ${count(counts.deadLetters)} open`,
    `  cached         ${count(counts.cached)} balances compared with Redis`,
    ...sealedLines(report.sealed),
    ...report.violations.flatMap(violationLines),
  ];
  const seconds = (report.durationMs / 1_000).toFixed(1);
  const verdict = report.ok
    ? paint('green', `The ledger is right (checked in ${seconds} s).`)
    : paint('red', `The ledger is NOT right: ${count(report.violations.length)} kinds of violation.`);
  return [...lines, verdict].join('\n');
}

/** For the alert on a failed audit. Who may only read may audit all the same. */
async function noteResult(config: Config, report: AuditReport): Promise<void> {
  const kinds = report.violations.map(({ kind, count: found }) => `${kind} × ${found}`);
  try {
    await withPool(config, (pool) =>
      noteAudit(pool, {
        operator: operatorName(undefined),
        ok: report.ok,
        why: report.ok ? 'no violation' : kinds.join(', ').slice(0, WHY_CHARS_MAX),
      }),
    );
  } catch (error) {
    const message = ensureError(error).message;
    process.stderr.write(`the result could not be noted in the operator log: ${message}\n`);
  }
}

function sampleCount(text: string): SampleCount {
  return text === 'all' ? 'all' : wholeNumber(0, 1_000)(text);
}

const HEAD = /\b[0-9a-f]{64}\b/;

/** The head itself, or the first one in the file of that name: what `paygate verify` printed, in words or as JSON. */
function sealHead(text: string): string {
  const head = HEAD.exec(existsSync(text) ? readFileSync(text, 'utf8') : text)?.[0];
  if (head !== undefined) return head;
  throw new InvalidArgumentError('a head is 64 hex digits, and this is neither one nor a file with one');
}

/** `paygate verify` */
export function verifyCommand(): Command {
  return new Command('verify')
    .description(paragraphs(DESCRIPTION))
    .option('--drained', 'also require that nothing is left to do and every touched balance is cached')
    .option(
      '--samples <n>',
      'violations of each kind to name; all: every one, when it is found',
      sampleCount,
      10,
    )
    .option(
      '--seal-head <head>',
      'a head that was kept, or a file with one: it must be of these seals',
      sealHead,
    )
    .option('--json', 'print JSON')
    .action(
      async (options: {
        readonly json?: boolean;
        readonly drained?: boolean;
        readonly samples: SampleCount;
        readonly sealHead?: string;
      }) => {
        const quiet = options.json === true;
        const expectDrained = options.drained === true;
        const config = loadConfig();
        const { samples, sealHead: kept } = options;
        const head = kept === undefined ? {} : { sealHead: kept };
        const report = await verifyLedger(config, { quiet, expectDrained, samples, ...head });
        await noteResult(config, report);
        const intakePause = await withPool(config, readIntakePause);
        if (quiet) print(jsonText({ ...report, intakePause }, options.samples === 'all' ? 0 : 2));
        else print([...describePause(intakePause), describeAudit(report)].join('\n'));
        if (!report.ok) process.exitCode = EXIT.finding;
      },
    );
}
