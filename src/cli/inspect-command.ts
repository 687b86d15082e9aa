import { Command, Option } from 'commander';
import { loadConfig, type Config } from '../config.ts';
import { describeNote, INSPECTOR_URL, startBridge } from './inspect/bridge.ts';
import { isWireMessage } from '../contracts/inspection.ts';
import { followAccount } from './inspect/follow-account.ts';
import { ownerAddress, type OwnerAddress } from './inspect/owner-address.ts';
import { operatorName, operatorOption } from './operator-options.ts';
import { httpUrl, uuid, wholeNumber } from './options.ts';
import { print, printError } from './output.ts';
import { paragraphs } from './paragraphs.ts';

const DESCRIPTION = `
Shows one live account in the official XState inspector: its statechart, its events, its states, as they happen. The account is followed
when it moves to another node.

Opens a page on this machine. The inspector in it is hosted at stately.ai and needs the internet; it gets what is shown of this
account (state, balance, decisions; no keys, cards or payloads), and nothing else leaves the node. Without the internet use the
console, or --json.

The node is found through PostgreSQL and Redis; --node names it where these cannot be reached. From another machine the
node wants its CONSOLE_TOKEN.`;

interface InspectOptions {
  readonly node?: string;
  readonly token?: string;
  readonly operator?: string;
  readonly port: number;
  readonly inspector: string;
  readonly json?: boolean;
}

function addressFrom(
  options: InspectOptions,
  config: Config,
  accountId: string,
): () => Promise<OwnerAddress> {
  const { node } = options;
  if (node === undefined) return () => ownerAddress(config, accountId);
  return () => Promise.resolve({ kind: 'found', addresses: [node] });
}

async function inspect(accountId: string, options: InspectOptions): Promise<void> {
  const config = loadConfig();
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const follow = {
    accountId,
    ownerAddress: addressFrom(options, config, accountId),
    token: options.token ?? config.consoleToken,
    tls: config.httpTls.client,
    operator: operatorName(options.operator),
    signal: stop.signal,
  };
  if (options.json === true) {
    await followAccount({
      ...follow,
      onMessage: (message) => print(JSON.stringify(message)),
      onTrouble: (why) => printError(why),
    });
    return;
  }
  const consoleUrl =
    options.node === undefined ? "/console of any node's admin port" : `${options.node}/console`;
  const bridge = await startBridge({ port: options.port, inspectorUrl: options.inspector, consoleUrl });
  try {
    print(`Open ${bridge.address}/ (Ctrl-C ends it)`);
    await followAccount({
      ...follow,
      onMessage: (message) => {
        bridge.show(message);
        if (!isWireMessage(message)) print(describeNote(message));
      },
      onTrouble: (why) => {
        bridge.say(why);
        printError(why);
      },
    });
  } finally {
    await bridge.close();
  }
}

/** `paygate inspect <account id>` */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description(paragraphs(DESCRIPTION))
    .argument('<account id>', 'the account', uuid)
    .option('--node <url>', 'admin port of a node, such as http://127.0.0.1:9464', httpUrl)
    .option('--token <token>', 'of that node (default: CONSOLE_TOKEN)')
    .addOption(operatorOption())
    .option('--port <n>', 'of the page on this machine; 0 = any free one', wholeNumber(0, 65_535), 0)
    .addOption(
      new Option('--inspector <url>', 'where the inspector is hosted')
        .argParser(httpUrl)
        .default(INSPECTOR_URL),
    )
    .option('--json', 'print the messages, one a line, instead of opening a page')
    .action(inspect);
}
