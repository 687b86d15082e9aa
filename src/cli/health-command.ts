import { Command } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { peerFetch } from '../infra/http/peer-fetch.ts';
import type { PeerRequest } from '../infra/http/peer-fetch.ts';
import { LIMITS } from '../limits.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { duration, httpUrl } from './options.ts';
import { print } from './output.ts';
import { paragraphs } from './paragraphs.ts';

const DESCRIPTION = `
Asks a node whether it does its work, for health checks of containers: by default the one of these settings (HTTP_HOST, HTTP_PORT). Where its
admin port has TLS, it is asked over TLS with the certificate of these settings, and its own is not verified, since it is for another name than this
machine's loopback address; that of a node that is named with --node is.

Exit code 0: it does. 1: it answers, and does not (it starts, cannot reach a server it needs, or drains). 3: it does not answer.`;

interface HealthOptions {
  readonly live?: boolean;
  readonly node?: string;
  readonly timeout: number;
}

const ON_ALL_INTERFACES: Readonly<Record<string, string>> = {
  '0.0.0.0': '127.0.0.1',
  '::': '::1',
  '': '127.0.0.1',
};

/** Where a node with these settings listens, seen from its own machine. Throws `CommandError` where only the node knows. */
export function ownAddress({
  httpHost,
  httpPort,
  httpTls,
}: Pick<Config, 'httpHost' | 'httpPort' | 'httpTls'>): string {
  if (httpPort === 0) throw new CommandError('HTTP_PORT is 0, any free port: name the node with --node');
  const host = ON_ALL_INTERFACES[httpHost] ?? httpHost;
  const scheme = httpTls.server === null ? 'http' : 'https';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${String(httpPort)}`;
}

interface Question {
  /** Base URL. */
  readonly address: string;
  readonly certificateOf: NonNullable<PeerRequest['certificateOf']>;
  readonly tls: Config['httpTls']['client'];
}

/** A node that is asked without TLS is asked whatever the settings are. */
function questionFor(node: string | undefined): Question {
  if (node?.startsWith('http:') === true)
    return { address: node, certificateOf: 'host', tls: { caFile: null, certFile: null, keyFile: null } };
  const config = loadConfig();
  const tls = config.httpTls.client;
  if (node !== undefined) return { address: node, certificateOf: 'host', tls };
  return { address: ownAddress(config), certificateOf: 'anybody', tls };
}

async function ask(url: string, timeoutMs: number, { certificateOf, tls }: Question): Promise<Response> {
  const init = { headers: {}, signal: AbortSignal.timeout(timeoutMs), certificateOf };
  try {
    return await peerFetch(new URL(url), init, tls);
  } catch (error) {
    const why = url.startsWith('https:') && error instanceof Error ? `: ${error.message}` : '';
    throw new CommandError(`no node answers at ${url}${why}`, EXIT.unavailable, { cause: error });
  }
}

async function checkHealth({ live, node, timeout }: HealthOptions): Promise<void> {
  const question = questionFor(node);
  const url = `${question.address}${live === true ? '/livez' : '/readyz'}`;
  const response = await ask(url, timeout, question);
  print(await response.text());
  if (!response.ok) process.exitCode = EXIT.finding;
}

/** `paygate health` */
export function healthCommand(): Command {
  return new Command('health')
    .description(paragraphs(DESCRIPTION))
    .option('--live', 'ask only whether the process answers, not whether it does its work')
    .option('--node <url>', 'base URL of another node, such as http://127.0.0.1:9464', httpUrl)
    .option('--timeout <time>', 'how long it may take to answer', duration, LIMITS.healthAnswerMs)
    .action(checkHealth);
}
