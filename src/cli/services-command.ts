import { Command } from 'commander';
import { environment } from '../config.ts';
import { servicesDown, servicesStatus, servicesUp, type ServiceUrls } from '../infra/services/index.ts';
import { EXIT } from './exit-codes.ts';
import { isTerminal, paint, print, printError, printJson, table } from './output.ts';

interface JsonOption {
  readonly json?: boolean;
}

const exports = (urls: ServiceUrls): string =>
  [
    `export DATABASE_URL='${urls.databaseUrl}'`,
    `export RABBITMQ_URL='${urls.rabbitmqUrl}'`,
    `export REDIS_URL='${urls.redisUrl}'`,
  ].join('\n');

async function up(options: JsonOption): Promise<void> {
  const result = await servicesUp({
    env: environment(),
    workingDirectory: process.cwd(),
    allowInstall: true,
    onProgress: (message) => printError(message),
  });
  if (options.json === true) {
    printJson(result);
    return;
  }
  printError(result.kind === 'started' ? 'PostgreSQL, RabbitMQ and Redis are up.' : 'They are up already.');
  // Whoever typed it into `eval` has just done what the hint says.
  if (isTerminal()) printError('For this shell:  eval "$(npx paygate services up)"');
  printError('End them with:  npx paygate services down');
  print(exports(result.urls));
}

async function status(options: JsonOption): Promise<void> {
  const result = await servicesStatus({ workingDirectory: process.cwd() });
  const services = result.kind === 'none' ? [] : result.services;
  if (services.length === 0 || services.some((service) => service.state === 'silent')) {
    process.exitCode = EXIT.finding;
  }
  if (options.json === true) {
    printJson(result);
    return;
  }
  if (result.kind === 'none') {
    print('No servers were started from this folder. `paygate services up` starts them.');
    return;
  }
  const rows = services.map(({ kind, state, url, problem }) => [
    kind,
    state === 'serving' ? paint('green', state) : paint('red', state),
    url,
    problem ?? '',
  ]);
  print(table(['server', 'state', 'url', ''], rows));
}

async function down(options: JsonOption): Promise<void> {
  const result = await servicesDown({ workingDirectory: process.cwd() });
  if (options.json === true) {
    printJson(result);
    return;
  }
  print(
    result.kind === 'none'
      ? 'Nothing to end.'
      : `Ended ${String(result.processes)} processes, removed their data.`,
  );
}

/** `paygate services up | status | down` */
export function servicesCommand(): Command {
  const services = new Command('services').description(
    'Private PostgreSQL, RabbitMQ and Redis for development, on free ports of this machine.',
  );
  const add = (name: string, description: string, run: (options: JsonOption) => Promise<void>): void => {
    services.command(name).description(description).option('--json', 'print JSON').action(run);
  };
  add('up', 'start them, and print the settings that point to them', up);
  add('status', 'say whether they answer; exit code 1 if one does not', status);
  add('down', 'end them and remove their data', down);
  return services;
}
