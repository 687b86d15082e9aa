import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Environment } from '../../config.ts';
import { composeDown } from './compose-servers.ts';
import type { GuardedProcess } from './guardian.ts';
import { isRunning, signal, waitUntilGone } from './process-table.ts';
import { serverAnswers } from './server-answers.ts';
import type { Progress, ServerKind } from './server-kind.ts';
import { ServerError } from './server-kind.ts';
import type { ServersRecord } from './start-servers.ts';
import { startServers } from './start-servers.ts';

/**
 * Servers that stay until told to go: `paygate services up | status | down`.
 *
 * Owns one file, `.paygate/services.json` under the working directory, readable by its user alone (it holds
 * passwords). 1. While the file is there, its servers are ours to end; 2. until it is written, they end with us.
 */
export interface ServicesOptions {
  readonly env: Environment;
  /** Where `.paygate/` is; usually the working directory. */
  readonly workingDirectory: string;
  readonly onProgress?: Progress;
  readonly allowInstall?: boolean;
}

export interface ServiceUrls {
  readonly databaseUrl: string;
  readonly rabbitmqUrl: string;
  readonly redisUrl: string;
}

export interface ServicesUp {
  readonly kind: 'started' | 'already-running';
  readonly urls: ServiceUrls;
  readonly stateFile: string;
}

export interface ServiceStatus {
  readonly kind: ServerKind;
  /** With its password. */
  readonly url: string;
  /** `silent`: it does not answer, whatever the reason; `problem` says it. */
  readonly state: 'serving' | 'silent';
  readonly problem: string | null;
}

export type ServicesStatus =
  | { readonly kind: 'none' }
  | { readonly kind: 'known'; readonly stateFile: string; readonly services: readonly ServiceStatus[] };

export type ServicesDown =
  | { readonly kind: 'none' }
  | { readonly kind: 'ended'; readonly processes: number; readonly directory: string };

const END_LIMIT_MS = 10_000;

const stateFileIn = (workingDirectory: string): string => join(workingDirectory, '.paygate', 'services.json');

function readRecord(stateFile: string): ServersRecord | null {
  if (!existsSync(stateFile)) return null;
  return JSON.parse(readFileSync(stateFile, 'utf8')) as ServersRecord;
}

/** Throws where a file is there already: of two that start at the same time, the slower one gives up its servers. */
function writeRecord(stateFile: string, record: ServersRecord): void {
  mkdirSync(dirname(stateFile), { recursive: true, mode: 0o700 });
  const draft = `${stateFile}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  try {
    linkSync(draft, stateFile);
  } catch (error) {
    throw new ServerError(`${stateFile} could not be written; has another one started servers?`, {
      cause: error,
    });
  } finally {
    rmSync(draft);
  }
}

function urlsOf(record: ServersRecord): ServiceUrls {
  const url = (kind: ServerKind): string => record.servers.find((server) => server.kind === kind)?.url ?? '';
  return { databaseUrl: url('postgres'), rabbitmqUrl: url('rabbitmq'), redisUrl: url('redis') };
}

async function statusOf({ kind, url }: ServersRecord['servers'][number]): Promise<ServiceStatus> {
  try {
    await serverAnswers[kind](url);
    return { kind, url, state: 'serving', problem: null };
  } catch (error) {
    return { kind, url, state: 'silent', problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Starts the three servers, or says where those are that already run. Throws `ServerError`. */
export async function servicesUp(options: ServicesOptions): Promise<ServicesUp> {
  const { workingDirectory, ...startOptions } = options;
  const stateFile = stateFileIn(workingDirectory);
  const known = readRecord(stateFile);
  if (known !== null) {
    const services = await Promise.all(known.servers.map(statusOf));
    const silent = services.filter((service) => service.state === 'silent').map((service) => service.kind);
    if (silent.length === 0) return { kind: 'already-running', urls: urlsOf(known), stateFile };
    throw new ServerError(
      `started earlier, but no longer answering: ${silent.join(', ')}. End what is left first: paygate services down`,
    );
  }
  const servers = await startServers(startOptions);
  try {
    writeRecord(stateFile, servers.record());
  } catch (error) {
    await servers.stop();
    throw error;
  }
  servers.leaveRunning();
  const urls = {
    databaseUrl: servers.postgres.url,
    rabbitmqUrl: servers.rabbitmq.url,
    redisUrl: servers.redis.url,
  };
  return { kind: 'started', urls, stateFile };
}

/** Asks each server that `servicesUp` started. */
export async function servicesStatus({
  workingDirectory,
}: Pick<ServicesOptions, 'workingDirectory'>): Promise<ServicesStatus> {
  const stateFile = stateFileIn(workingDirectory);
  const record = readRecord(stateFile);
  if (record === null) return { kind: 'none' };
  return { kind: 'known', stateFile, services: await Promise.all(record.servers.map(statusOf)) };
}

async function endProcesses(processes: readonly GuardedProcess[]): Promise<number> {
  const running = processes.toReversed().filter(isRunning);
  for (const { pid, endSignal } of running) {
    signal(-pid, endSignal);
    signal(-pid, 'SIGCONT');
  }
  if (!(await waitUntilGone(running, END_LIMIT_MS))) {
    for (const { pid } of running.filter(isRunning)) signal(-pid, 'SIGKILL');
    await waitUntilGone(running, END_LIMIT_MS);
  }
  const left = running.find(isRunning);
  if (left !== undefined) throw new ServerError(`process ${left.pid} does not end; is it another user's?`);
  return running.length;
}

/** Ends the servers that `servicesUp` started and removes their data. */
export async function servicesDown({
  workingDirectory,
}: Pick<ServicesOptions, 'workingDirectory'>): Promise<ServicesDown> {
  const stateFile = stateFileIn(workingDirectory);
  const record = readRecord(stateFile);
  if (record === null) return { kind: 'none' };
  const processes = await endProcesses(record.processes);
  if (record.compose !== null) await composeDown(record.compose);
  await rm(record.directory, { recursive: true, force: true, maxRetries: 5 });
  rmSync(stateFile);
  return { kind: 'ended', processes, directory: record.directory };
}
