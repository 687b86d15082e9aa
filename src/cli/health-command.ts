import { Command } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { LIMITS } from '../limits.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { duration, httpUrl } from './options.ts';
import { print } from './output.ts';
import { paragraphs } from './paragraphs.ts';

const DESCRIPTION = `
Asks a node whether it does its work, for health checks of containers: by default the one of these settings (HTTP_HOST, HTTP_PORT).

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
export function ownAddress({ httpHost, httpPort }: Pick<Config, 'httpHost' | 'httpPort'>): string {
  if (httpPort === 0) throw new CommandError('HTTP_PORT is 0, any free port: name the node with --node');
  const host = ON_ALL_INTERFACES[httpHost] ?? httpHost;
  return `http://${host.includes(':') ? `[${host}]` : host}:${String(httpPort)}`;
}

async function ask(url: string, timeoutMs: number): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    throw new CommandError(`no node answers at ${url}`, EXIT.unavailable, { cause: error });
  }
}

async function checkHealth({ live, node, timeout }: HealthOptions): Promise<void> {
  const address = node ?? ownAddress(loadConfig());
  const response = await ask(`${address}${live === true ? '/livez' : '/readyz'}`, timeout);
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
