import { chownSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import getPort from 'get-port';
import type { BrokerControl } from './broker-control.ts';
import type { Recipe, RecipeStep } from './private-server.ts';
import type { Programs } from './programs.ts';
import { serverAnswers } from './server-answers.ts';
import type { SystemUser } from './system-user.ts';
import { makeDirectoryFor, serverUser } from './system-user.ts';

const LOOPBACK = '127.0.0.1';
const USER = 'paygate';
const VHOST = 'paygate';
const NODE_NAME = 'paygate@localhost';

interface Ports {
  readonly amqp: number;
  readonly distribution: number;
  readonly epmd: number;
}

async function freePorts(): Promise<Ports> {
  const [broker, distribution, epmd] = await Promise.all([1, 2, 3].map(() => getPort({ host: LOOPBACK })));
  return { amqp: broker ?? 0, distribution: distribution ?? 0, epmd: epmd ?? 0 };
}

async function portOpens(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, LOOPBACK);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function brokerSettings(ports: Ports, password: string): string {
  const settings = [
    `listeners.tcp.1 = ${LOOPBACK}:${ports.amqp}`,
    `default_user = ${USER}`,
    `default_pass = ${password}`,
    `default_vhost = ${VHOST}`,
    'log.console = true',
    'log.console.level = warning',
    'log.file = false',
    // A full temporary folder blocks all publishers; that is for tests to provoke, not to meet.
    'disk_free_limit.absolute = 50MB',
  ];
  return `${settings.join('\n')}\n`;
}

/** Files of the broker, readable by its user alone. The cookie lets whoever has it run code in the node. */
function writeFiles(
  directory: string,
  user: SystemUser | null,
  files: Readonly<Record<string, string>>,
): void {
  for (const [name, text] of Object.entries(files)) {
    const file = join(directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    if (user !== null) chownSync(file, user.uid, user.gid);
  }
}

/** Everything RabbitMQ and Erlang would else take from /etc, /var or the home directory. */
function brokerEnvironment(
  programs: Programs<'rabbitmq'>,
  directory: string,
  ports: Ports,
): Record<string, string> {
  return {
    PATH: `${dirname(programs.erl)}:/usr/local/bin:/usr/bin:/bin`,
    HOME: directory,
    LANG: 'C.UTF-8',
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: LOOPBACK,
    RABBITMQ_NODENAME: NODE_NAME,
    RABBITMQ_NODE_PORT: String(ports.amqp),
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    RABBITMQ_PID_FILE: join(directory, 'broker.pid'),
    RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(directory, 'advanced.config'),
    RABBITMQ_CONF_ENV_FILE: join(directory, 'environment.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(directory, 'generated'),
    // Lets the start script become the broker instead of staying in front of it as a shell.
    RUNNING_UNDER_SYSTEMD: 'true',
    // No busy waiting: the schedulers would take the processor's CPU.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      '-start_epmd false +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}',
  };
}

/**
 * A broker of its own in `directory`, without plugins. Its port mapper (`epmd`) is started by us, in front: one that
 * Erlang starts by itself outlives the broker, and may be shared with others.
 */
export async function prepareRabbitmq(
  programs: Programs<'rabbitmq'>,
  directory: string,
): Promise<Recipe & { readonly control: BrokerControl }> {
  const user = serverUser(['rabbitmq', 'nobody']);
  makeDirectoryFor(user, directory);
  const password = randomBytes(12).toString('hex');
  const cookie = randomBytes(12).toString('hex').toUpperCase();
  const ports = await freePorts();
  writeFiles(directory, user, {
    'rabbitmq.conf': brokerSettings(ports, password),
    'advanced.config': '[].\n',
    'environment.conf': '',
    enabled_plugins: '[].\n',
  });
  writeFiles(directory, user, { '.erlang.cookie': cookie });
  const env = brokerEnvironment(programs, directory, ports);
  const url = `amqp://${USER}:${password}@${LOOPBACK}:${ports.amqp}/${VHOST}`;
  const common = { cwd: directory, env, user, endSignal: 'SIGKILL' } as const;
  const portMapper: RecipeStep = {
    launch: {
      ...common,
      program: programs.epmd,
      args: ['-port', String(ports.epmd), '-address', LOOPBACK],
      logFile: join(directory, 'epmd.log'),
    },
    probe: () => portOpens(ports.epmd),
  };
  const broker: RecipeStep = {
    launch: {
      ...common,
      program: programs['rabbitmq-server'],
      args: [],
      logFile: join(directory, 'broker.log'),
    },
    probe: () => serverAnswers.rabbitmq(url),
  };
  return {
    kind: 'rabbitmq',
    url,
    stopSignal: 'SIGTERM',
    steps: [portMapper, broker],
    control: { program: programs.rabbitmqctl, args: [], env, user: USER },
  };
}
