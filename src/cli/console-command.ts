import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { consoleLink } from '../infra/http/access.ts';
import { readNodeAddresses } from '../infra/redis/node-address.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { print } from './output.ts';
import { paragraphs } from './paragraphs.ts';

const DESCRIPTION = `
Prints the address of the console of each node; any of them shows the whole cluster.

With CONSOLE_TOKEN set the link lets a browser in, once and within five minutes. Without it only the machine of the node itself may look.`;

interface ConsoleOptions {
  readonly node?: string;
}

async function printLinks({ node }: ConsoleOptions): Promise<void> {
  const { redisUrl, consoleToken } = loadConfig();
  const addresses = node === undefined ? await readNodeAddresses(redisUrl) : [node.replace(/\/$/, '')];
  if (addresses.length === 0)
    throw new CommandError('no node has told its address; name one with --node', EXIT.finding);
  for (const address of addresses) print(consoleLink(address, consoleToken, Date.now()));
}

/** `paygate console` */
export function consoleCommand(): Command {
  return new Command('console')
    .description(paragraphs(DESCRIPTION))
    .option(
      '--node <url>',
      'base URL of a node, such as http://127.0.0.1:9464; default: all that Redis knows',
    )
    .action(printLinks);
}
