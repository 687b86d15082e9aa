import type { ServerKind } from './server-kind.ts';

/** What the machine offers. Asked only as far as needed: a Docker engine may take seconds not to answer. */
export interface MachineProbe {
  hasPrograms(kind: ServerKind): boolean;
  dockerAnswers(): Promise<boolean>;
  /** Whether we are root on Debian or Ubuntu. */
  canInstall(): boolean;
}

/** By which road each server comes. Every wanted server is in exactly one of the lists. */
export interface Plan {
  /** Programs are here: private instances. */
  readonly own: readonly ServerKind[];
  /** Containers of the project's docker-compose.yml. */
  readonly compose: readonly ServerKind[];
  /** Private instances once apt-get has brought the programs. */
  readonly install: readonly ServerKind[];
}

export type PlanChoice =
  { readonly kind: 'plan'; readonly plan: Plan } | { readonly kind: 'impossible'; readonly message: string };

export const PACKAGES: Readonly<Record<ServerKind, string>> = {
  postgres: 'postgresql',
  rabbitmq: 'rabbitmq-server',
  redis: 'redis-server',
};

const TITLES: Readonly<Record<ServerKind, string>> = {
  postgres: 'PostgreSQL',
  rabbitmq: 'RabbitMQ',
  redis: 'Redis',
};

function whatToInstall(missing: readonly ServerKind[], installRefused: boolean): string {
  const names = missing.map((kind) => TITLES[kind]).join(', ');
  const packages = missing.map((kind) => PACKAGES[kind]).join(' ');
  return [
    `not found on this machine: ${names}. No Docker engine answers either.`,
    installRefused
      ? 'Installing was not allowed here. Any one of these helps:'
      : 'Only root on Debian or Ubuntu can have them installed from here. Any one of these helps:',
    `  sudo apt-get install --no-install-recommends ${packages}      (Debian, Ubuntu; elsewhere the same servers by other names)`,
    '  start a Docker engine that `docker info` reaches',
  ].join('\n');
}

/** Programs on the machine first, then Docker, then apt-get, and only for what is missing. */
export async function choosePlan(
  kinds: readonly ServerKind[],
  probe: MachineProbe,
  installing: 'allowed' | 'refused',
): Promise<PlanChoice> {
  const own = kinds.filter((kind) => probe.hasPrograms(kind));
  const missing = kinds.filter((kind) => !own.includes(kind));
  const plan = { own, compose: [], install: [] };
  if (missing.length === 0) return { kind: 'plan', plan };
  if (await probe.dockerAnswers()) return { kind: 'plan', plan: { ...plan, compose: missing } };
  if (installing === 'allowed' && probe.canInstall())
    return { kind: 'plan', plan: { ...plan, install: missing } };
  return {
    kind: 'impossible',
    message: whatToInstall(missing, installing === 'refused' && probe.canInstall()),
  };
}
