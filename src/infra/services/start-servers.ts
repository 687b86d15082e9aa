import { mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../config.ts';
import type { BrokerControl } from './broker-control.ts';
import type { MachineProbe } from './choose-road.ts';
import { choosePlan } from './choose-road.ts';
import type { ComposeProject } from './compose-servers.ts';
import { composeBrokerControl, composeDown, prepareCompose, startCompose } from './compose-servers.ts';
import type { GuardedProcess, Guardian } from './guardian.ts';
import { startGuardian } from './guardian.ts';
import { installPackages } from './install-packages.ts';
import { probeMachine } from './machine-probe.ts';
import { preparePostgres } from './postgres-server.ts';
import type { Recipe } from './private-server.ts';
import { PrivateServer } from './private-server.ts';
import { findPrograms } from './programs.ts';
import { prepareRabbitmq } from './rabbitmq-server.ts';
import { prepareRedis } from './redis-server.ts';
import type { Progress, ServerHandle, ServerKind } from './server-kind.ts';
import { SERVER_KINDS, ServerError } from './server-kind.ts';
import { makeServersDirectory } from './system-user.ts';

export interface StartOptions<K extends ServerKind> {
  /** PATH is looked up in it; programs of ours get only what they need. */
  readonly env: Environment;
  /** Default: all three. */
  readonly kinds?: readonly K[];
  /** Where they keep their data: empty or not there yet, and removed at the end. Default: a new one under the system's temporary folder. */
  readonly directory?: string;
  readonly onProgress?: Progress;
  readonly allowInstall?: boolean;
  readonly probe?: MachineProbe;
}

/** What somebody else needs in order to use and to end them. Holds passwords. */
export interface ServersRecord {
  readonly directory: string;
  readonly servers: readonly { readonly kind: ServerKind; readonly url: string }[];
  /** In the order of their start. */
  readonly processes: readonly GuardedProcess[];
  readonly compose: ComposeProject | null;
}

export type RunningServers<K extends ServerKind = ServerKind> = Readonly<Record<K, ServerHandle>> & {
  readonly directory: string;
  /** `rabbitmqctl` of the broker, null when none was asked for. */
  readonly brokerControl: BrokerControl | null;
  readonly record: () => ServersRecord;
  /** From here on they outlive this process; whoever has the record can end them. */
  readonly leaveRunning: () => void;
  /** Ends all of them without ado, last started first, and removes their data. */
  readonly stop: () => Promise<void>;
};

/** Gathers what has been started, so that a failure half-way leaves nothing behind. */
class Fleet {
  readonly directory: string;
  readonly guardian: Guardian;
  readonly handles: ServerHandle[] = [];
  readonly private: PrivateServer[] = [];
  compose: ComposeProject | null = null;
  brokerControl: BrokerControl | null = null;

  constructor(directory: string, guardian: Guardian) {
    this.directory = directory;
    this.guardian = guardian;
    guardian.tell({ order: 'remove-directory', directory });
  }

  async startPrivate(kind: ServerKind, env: Environment): Promise<void> {
    const recipe = await this.#prepare(kind, env);
    const server = new PrivateServer(recipe, this.guardian);
    await server.start();
    this.private.push(server);
    this.handles.push(server);
  }

  async startCompose(kinds: readonly ServerKind[], env: Environment): Promise<void> {
    if (kinds.length === 0) return;
    this.compose = await prepareCompose(env);
    this.handles.push(...(await startCompose(this.compose, kinds, this.guardian)));
    if (kinds.includes('rabbitmq')) this.brokerControl = composeBrokerControl(this.compose);
  }

  async stop(): Promise<void> {
    const failures: unknown[] = [];
    const attempt = (work: Promise<void>): Promise<void> =>
      work.catch((error: unknown) => void failures.push(error));
    for (const server of this.private.toReversed()) await attempt(server.stop('killed'));
    if (this.compose !== null) await attempt(composeDown(this.compose));
    // The guardian stays on its post then, and tries again when we end.
    if (failures.length > 0)
      throw new AggregateError(failures, `servers could not be ended: ${failures.join('; ')}`);
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
    this.guardian.tell({ order: 'dismiss' });
  }

  record(): ServersRecord {
    const servers = this.handles.map(({ kind, url }) => ({ kind, url }));
    const processes = this.private.flatMap((server) => server.guarded);
    return { directory: this.directory, servers, processes, compose: this.compose };
  }

  async #prepare(kind: ServerKind, env: Environment): Promise<Recipe> {
    const place = join(this.directory, kind);
    switch (kind) {
      case 'postgres':
        return preparePostgres(programsOf(kind, env), place);
      case 'redis':
        return prepareRedis(programsOf(kind, env), place);
      case 'rabbitmq': {
        const recipe = await prepareRabbitmq(programsOf(kind, env), place);
        this.brokerControl = recipe.control;
        return recipe;
      }
    }
  }
}

function programsOf<K extends ServerKind>(
  kind: K,
  env: Environment,
): NonNullable<ReturnType<typeof findPrograms<K>>> {
  const programs = findPrograms(kind, env);
  if (programs === null)
    throw new ServerError(`the programs of ${kind} are still missing after installing them`);
  return programs;
}

function directoryFor(wanted: string | undefined): string {
  if (wanted === undefined) return makeServersDirectory();
  mkdirSync(wanted, { recursive: true, mode: 0o711 });
  // It is removed with all that is in it when the servers end.
  if (readdirSync(wanted).length > 0) throw new ServerError(`${wanted} is not empty`);
  return wanted;
}

async function newFleet(directory: string): Promise<Fleet> {
  try {
    return new Fleet(directory, await startGuardian());
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Brings up servers on loopback ports that are free, each with a random password, all at the same time.
 *
 * Throws `ServerError` saying what to install, or the last words of a server that did not start; nothing is left running
 * then.
 */
export async function startServers<K extends ServerKind = ServerKind>(
  options: StartOptions<K>,
): Promise<RunningServers<K>> {
  const kinds = options.kinds ?? (SERVER_KINDS as readonly ServerKind[] as readonly K[]);
  const onProgress = options.onProgress ?? ((): void => undefined);
  const installing = options.allowInstall === true ? 'allowed' : 'refused';
  const choice = await choosePlan(kinds, options.probe ?? probeMachine(options.env), installing);
  if (choice.kind === 'impossible') throw new ServerError(choice.message);
  const { own, compose, install } = choice.plan;
  if (install.length > 0) await installPackages(install, options.env, onProgress);

  const fleet = await newFleet(directoryFor(options.directory));
  const startedAt = performance.now();
  const work = [
    ...[...own, ...install].map(async (kind) => {
      await fleet.startPrivate(kind, options.env);
      onProgress(`${kind} runs (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
    }),
    fleet.startCompose(compose, options.env),
  ];
  const results = await Promise.allSettled(work);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw await afterFailedStart(fleet, failure.reason);
  return running(fleet);
}

/** Ends what had been started. The first failure is the one to tell. */
async function afterFailedStart(fleet: Fleet, failure: unknown): Promise<unknown> {
  try {
    await fleet.stop();
    return failure;
  } catch (stopFailure) {
    const lines = [failure, stopFailure].map((error) =>
      error instanceof Error ? error.message : String(error),
    );
    return new ServerError(lines.join('\n'), { cause: failure });
  }
}

function running<K extends ServerKind>(fleet: Fleet): RunningServers<K> {
  const byKind = Object.fromEntries(fleet.handles.map((handle) => [handle.kind, handle]));
  return {
    ...(byKind as Record<K, ServerHandle>),
    directory: fleet.directory,
    brokerControl: fleet.brokerControl,
    record: () => fleet.record(),
    leaveRunning: () => fleet.guardian.tell({ order: 'dismiss' }),
    stop: () => fleet.stop(),
  };
}
