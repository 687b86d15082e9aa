import pg from 'pg';
import { LIMITS } from '../../limits.ts';
import { connectionSettings } from './pool.ts';

export interface ConnectionOptions {
  readonly databaseUrl: string;
  /** `connectionName` of the node: whoever takes our shards over finds the connection by it. */
  readonly applicationName: string;
  /** Default `LIMITS.commitLockTimeoutMs`. */
  readonly lockTimeoutMs?: number;
  /** Default `LIMITS.commitAnswerTimeoutMs`. */
  readonly answerTimeoutMs?: number;
}

export interface NamedStatement {
  readonly name: string;
  readonly text: string;
}

/**
 * One connection of a commit lane, opened when it is needed.
 *
 * C1. One statement at a time.
 * C2. A connection that failed in any way the server did not name is never used again: what it was doing is unknown,
 *     and its answer could be taken for that of the next statement.
 * C3. Every wait ends: on the server by `lock_timeout` and `statement_timeout`, here when no answer comes.
 */
export class LaneConnection {
  readonly #options: ConnectionOptions;
  #client: pg.Client | null = null;
  #busy = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#client !== null;
  }

  /** Rows of the statement. Rejects with the driver's error. */
  async query<Row extends pg.QueryResultRow>(statement: NamedStatement, values: string[]): Promise<Row[]> {
    if (this.#busy) throw new Error('a lane has one commit in flight, no more');
    this.#busy = true;
    try {
      const client = (this.#client ??= await this.#connect());
      const result = await client.query<Row>({ name: statement.name, text: statement.text, values });
      return result.rows;
    } finally {
      this.#busy = false;
    }
  }

  /** Gives the connection up at once, with whatever it is doing; the next query opens another. */
  discard(): void {
    const client = this.#client;
    this.#client = null;
    client?.connection.stream.destroy();
  }

  /** Closes it once it is idle. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end();
  }

  async #connect(): Promise<pg.Client> {
    const { databaseUrl, applicationName } = this.#options;
    const answerTimeoutMs = this.#options.answerTimeoutMs ?? LIMITS.commitAnswerTimeoutMs;
    const client = new pg.Client({
      ...connectionSettings({
        databaseUrl,
        applicationName,
        lockTimeoutMs: this.#options.lockTimeoutMs ?? LIMITS.commitLockTimeoutMs,
        statementTimeoutMs: LIMITS.commitStatementTimeoutMs,
        idleInTransactionTimeoutMs: LIMITS.commitStatementTimeoutMs,
        connectTimeoutMs: answerTimeoutMs,
      }),
      query_timeout: answerTimeoutMs,
    });
    const forget = (): void => {
      if (this.#client === client) this.#client = null;
    };
    // A query in flight gets the error as well; while idle, forgetting the connection is the whole answer.
    client.on('error', forget);
    client.on('end', forget);
    await client.connect();
    return client;
  }
}
