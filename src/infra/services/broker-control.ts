import { execa } from 'execa';
import { ServerError } from './server-kind.ts';

/** How to reach a broker's `rabbitmqctl`; plain data, so that test processes can be handed it. About 0.3 s a call, most of it CPU. */
export interface BrokerControl {
  readonly program: string;
  /** Put before the command's own arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The broker's user that our URLs name. */
  readonly user: string;
}

/** For what hangs: on two cores that are busy otherwise a call takes 30 s. */
const CONTROL_LIMIT_MS = 120_000;

/**
 * Runs `rabbitmqctl` with these arguments, and `input` on its standard input; returns what it prints. Throws
 * `ServerError` with its complaint.
 */
export async function controlBroker(
  control: BrokerControl,
  args: readonly string[],
  input = '',
): Promise<string> {
  const result = await execa(control.program, [...control.args, ...args], {
    env: control.env,
    extendEnv: false,
    input,
    timeout: CONTROL_LIMIT_MS,
    reject: false,
  });
  if (result.failed) {
    const complaint = result.stderr === '' ? result.stdout : result.stderr;
    throw new ServerError(`rabbitmqctl ${args[0] ?? ''} failed: ${complaint || (result.message ?? '')}`);
  }
  return result.stdout;
}

/** Vhosts that the user of our URLs may do everything in. One call, since each starts an Erlang machine of its own. */
export async function addVhosts(control: BrokerControl, vhosts: readonly string[]): Promise<void> {
  const everything = { configure: '.*', write: '.*', read: '.*' };
  const definitions = {
    vhosts: vhosts.map((name) => ({ name })),
    permissions: vhosts.map((vhost) => ({ user: control.user, vhost, ...everything })),
  };
  await controlBroker(control, ['import_definitions', '--quiet'], JSON.stringify(definitions));
}

export async function deleteVhost(control: BrokerControl, vhost: string): Promise<void> {
  await controlBroker(control, ['delete_vhost', vhost]);
}
