import { ConfigError } from '../config.ts';
import { CommandError, EXIT } from './exit-codes.ts';

interface Described {
  readonly message: string;
  readonly exitCode: number;
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ECONNRESET',
  'EAI_AGAIN',
]);
const REFUSED_BY_POSTGRES = new Map([
  ['28P01', 'PostgreSQL refuses this user or password: check DATABASE_URL'],
  ['28000', 'PostgreSQL refuses this user: check DATABASE_URL'],
  ['3D000', 'this database does not exist: create it or correct DATABASE_URL'],
  ['42P01', 'the ledger tables are missing: run `paygate migrate` first'],
  ['3F000', 'the ledger tables are missing: run `paygate migrate` first'],
]);

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** Errors hide their reason in `cause` and in `errors` (Node tries several addresses). */
function chain(error: unknown): readonly unknown[] {
  const found: unknown[] = [error];
  for (const one of found) {
    if (one instanceof AggregateError) found.push(...(one.errors as unknown[]));
    else if (one instanceof Error && one.cause !== undefined) found.push(one.cause);
    if (found.length > 20) break;
  }
  return found;
}

const PORT_OWNERS = new Map([
  [5432, 'PostgreSQL (DATABASE_URL)'],
  [5672, 'RabbitMQ (RABBITMQ_URL)'],
  [6379, 'Redis (REDIS_URL)'],
]);

function unreachable(error: Error): string {
  const port = 'port' in error && typeof error.port === 'number' ? error.port : null;
  const address = 'address' in error && typeof error.address === 'string' ? error.address : 'its address';
  if (port === null) return `a server cannot be reached: ${error.message}`;
  const name = PORT_OWNERS.get(port) ?? 'a server (DATABASE_URL, RABBITMQ_URL or REDIS_URL)';
  return `${name} does not answer at ${address}:${String(port)}. Is it running? \`paygate services up\` starts private ones.`;
}

/** What to tell the person at the terminal, and the exit code. Unknown errors keep their stack: they are bugs. */
export function describeError(thrown: unknown): Described {
  if (thrown instanceof CommandError)
    return { message: `paygate: ${thrown.message}`, exitCode: thrown.exitCode };
  if (thrown instanceof ConfigError) return { message: `paygate: ${thrown.message}`, exitCode: EXIT.usage };
  for (const error of chain(thrown)) {
    const code = codeOf(error);
    if (code === null || !(error instanceof Error)) continue;
    const refused = REFUSED_BY_POSTGRES.get(code);
    if (refused !== undefined) return { message: `paygate: ${refused}`, exitCode: EXIT.unavailable };
    if (UNREACHABLE.has(code))
      return { message: `paygate: ${unreachable(error)}`, exitCode: EXIT.unavailable };
  }
  if (!(thrown instanceof Error)) return { message: `paygate: ${String(thrown)}`, exitCode: EXIT.finding };
  return { message: `paygate: ${thrown.stack ?? thrown.message}`, exitCode: EXIT.finding };
}
