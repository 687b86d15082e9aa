import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import getPort from 'get-port';
import type { Environment } from '../../config.ts';
import type { BrokerControl } from './broker-control.ts';
import type { Guardian } from './guardian.ts';
import { COMPOSE_FILE } from './project-files.ts';
import type { RestartMode, ServerHandle, ServerKind } from './server-kind.ts';
import { ServerError } from './server-kind.ts';

const COMPOSE_LIMIT_MS = 300_000;

/** A project of the compose file under a name of its own: several may run side by side. */
export interface ComposeProject {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly urls: Readonly<Record<ServerKind, string>>;
}

export const composeArgs = (project: string, ...rest: readonly string[]): readonly string[] => [
  'compose',
  '--project-name',
  project,
  '--file',
  COMPOSE_FILE,
  ...rest,
];

async function compose(project: ComposeProject, ...rest: readonly string[]): Promise<void> {
  const result = await execa('docker', composeArgs(project.name, ...rest), {
    env: project.env,
    extendEnv: false,
    stdin: 'ignore',
    timeout: COMPOSE_LIMIT_MS,
    reject: false,
    all: true,
  });
  if (result.failed) {
    throw new ServerError(`docker compose ${rest[0] ?? ''} failed:\n${result.all || result.message}`);
  }
}

/** Free ports and a random password; nothing is started yet. */
export async function prepareCompose(env: Environment): Promise<ComposeProject> {
  const [postgres, rabbitmq, redis] = await Promise.all([1, 2, 3].map(() => getPort({ host: '127.0.0.1' })));
  const password = randomBytes(12).toString('hex');
  const inherited = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    name: `paygate-${randomBytes(4).toString('hex')}`,
    env: {
      ...Object.fromEntries(inherited),
      PAYGATE_PASSWORD: password,
      PAYGATE_POSTGRES_PORT: String(postgres),
      PAYGATE_RABBITMQ_PORT: String(rabbitmq),
      PAYGATE_REDIS_PORT: String(redis),
    },
    urls: {
      postgres: `postgres://paygate:${password}@127.0.0.1:${postgres}/paygate`,
      rabbitmq: `amqp://paygate:${password}@127.0.0.1:${rabbitmq}/paygate`,
      redis: `redis://:${password}@127.0.0.1:${redis}`,
    },
  };
}

export function composeBrokerControl(project: ComposeProject): BrokerControl {
  return {
    program: 'docker',
    args: composeArgs(project.name, 'exec', '-T', 'rabbitmq', 'rabbitmqctl'),
    env: project.env,
    user: 'paygate',
  };
}

export function composeDown(project: ComposeProject): Promise<void> {
  return compose(project, 'down', '--volumes', '--remove-orphans', '--timeout', '5');
}

class ComposeServer implements ServerHandle {
  readonly kind: ServerKind;
  readonly url: string;
  readonly pid = null;
  readonly #project: ComposeProject;

  constructor(kind: ServerKind, project: ComposeProject) {
    this.kind = kind;
    this.url = project.urls[kind];
    this.#project = project;
  }

  start(): Promise<void> {
    return compose(this.#project, 'up', '--detach', '--wait', '--no-deps', this.kind);
  }

  stop(mode: RestartMode = 'orderly'): Promise<void> {
    return compose(this.#project, mode === 'killed' ? 'kill' : 'stop', this.kind);
  }

  async restart(mode: RestartMode): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  pause(): Promise<void> {
    return compose(this.#project, 'pause', this.kind);
  }

  resume(): Promise<void> {
    return compose(this.#project, 'unpause', this.kind);
  }
}

/** Starts these services and resolves when their health checks pass. */
export async function startCompose(
  project: ComposeProject,
  kinds: readonly ServerKind[],
  guardian: Guardian,
): Promise<readonly ServerHandle[]> {
  guardian.tell({
    order: 'run-at-end',
    command: 'docker',
    args: composeArgs(project.name, 'down', '--volumes', '--remove-orphans', '--timeout', '5'),
    env: project.env,
  });
  await compose(project, 'up', '--detach', '--wait', '--no-deps', ...kinds);
  return kinds.map((kind) => new ComposeServer(kind, project));
}
