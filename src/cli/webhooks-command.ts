import { Argument, Command, Option } from 'commander';
import type pg from 'pg';
import { loadConfig } from '../config.ts';
import type { Config } from '../config.ts';
import { EVENT_TYPES } from '../contracts/events.ts';
import { describeDuration } from '../domain/duration.ts';
import { secretText } from '../domain/webhooks/signature.ts';
import * as ledger from '../infra/postgres/webhook-ledger.ts';
import type { EndpointAnswer, EndpointView, WebhookOrder } from '../infra/postgres/webhook-ledger.ts';
import { urlObjection } from '../infra/webhooks/address-rule.ts';
import { endpointSecret, keyId, newSalt } from '../infra/webhooks/endpoint-secret.ts';
import { LIMITS } from '../limits.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { operatorName, operatorOption, whyOption } from './operator-options.ts';
import { duration, wholeNumber } from './options.ts';
import { count, print, printJson } from './output.ts';
import { paragraphs } from './paragraphs.ts';
import { describeDeliveries, describeEndpoint, describeEndpoints } from './webhooks/describe-webhooks.ts';
import { postTest } from './webhooks/post-test.ts';
import { withPool } from './with-pool.ts';

interface JsonOption {
  readonly json?: boolean;
}
interface OrderOptions extends JsonOption {
  readonly why: string;
  readonly operator?: string;
}

const DESCRIPTION = `
Posts events to endpoints over HTTP, signed. docs/WEBHOOKS.md says what a receiver can rely on and how it verifies a signature.

A secret is shown once, by the command that makes it. It is derived from WEBHOOK_KEY, which must be the same for this command and
on all nodes.`;

const ADD_DESCRIPTION = `
Registers an endpoint, for example: paygate webhooks add https://example.com/hooks --types transaction.approved --why "for the shop".
Prints its secret, once. Nodes post to it within about a second: events of before are not posted.`;

const REPLAY_DESCRIPTION = `
Posts ended deliveries again, with all their tries before them: those named, or with --webhook all that were given up of one endpoint.
The receiver sees the same ids as before.`;

function orderOf({ why, operator }: OrderOptions): WebhookOrder {
  return { why, operator: operatorName(operator) };
}

function mustHaveKey({ webhookKey }: Config): string {
  if (webhookKey !== null) return webhookKey;
  throw new CommandError(
    'WEBHOOK_KEY is not set: secrets are derived from it. Make one (openssl rand -base64 32) and set it here and on all nodes',
  );
}

async function add(
  url: string,
  options: OrderOptions & { readonly types?: readonly string[] },
): Promise<void> {
  const config = loadConfig();
  const webhookKey = mustHaveKey(config);
  const objection = urlObjection(url, config.webhookPermits);
  if (objection !== null) throw new CommandError(`${url}: ${objection}`);
  const salt = newSalt();
  const types = options.types ?? null;
  const added = { url, types, salt, keyId: keyId(webhookKey) };
  const id = await withPool(config, (pool) => ledger.addEndpoint(pool, added, orderOf(options)));
  if (id === null)
    throw new CommandError(`there are ${String(LIMITS.webhookEndpointsMax)} webhooks already`, EXIT.finding);
  showSecret({ id, url, types }, secretText(endpointSecret(webhookKey, salt)), options);
}

function showSecret(
  endpoint: Pick<EndpointView, 'id'> & Partial<EndpointView>,
  secret: string,
  { json }: JsonOption,
): void {
  if (json === true) {
    printJson({ ...endpoint, secret });
    return;
  }
  print(`webhook ${String(endpoint.id)}`);
  print(`secret  ${secret}`);
  print('It is not shown again. Nodes take this over within about a second.');
}

async function list(options: JsonOption): Promise<void> {
  const endpoints = await withPool(loadConfig(), (pool) => ledger.readEndpoints(pool, null));
  if (options.json === true) printJson(endpoints);
  else print(describeEndpoints(endpoints));
}

async function show(id: number, options: JsonOption): Promise<void> {
  const [endpoint] = await withPool(loadConfig(), (pool) => ledger.readEndpoints(pool, id));
  if (endpoint === undefined) throw unknown(id);
  if (options.json === true) printJson(endpoint);
  else print(describeEndpoint(endpoint));
}

function unknown(id: number): CommandError {
  return new CommandError(`there is no webhook ${String(id)}`, EXIT.finding);
}

type ChangeEndpoint = (pool: pg.Pool, id: number, order: WebhookOrder) => Promise<EndpointAnswer>;

async function change(id: number, options: OrderOptions, work: ChangeEndpoint, done: string): Promise<void> {
  const answer = await withPool(loadConfig(), (pool) => work(pool, id, orderOf(options)), 'unhurried');
  if (answer === 'unknown') throw unknown(id);
  if (options.json === true) printJson({ id, answer });
  else print(answer === 'changed' ? done : `It was so before; nothing was changed.`);
}

async function rotate(id: number, options: OrderOptions & { readonly overlap: number }): Promise<void> {
  const config = loadConfig();
  const webhookKey = mustHaveKey(config);
  const salt = newSalt();
  const next = { salt, keyId: keyId(webhookKey), overlapMs: options.overlap };
  const answer = await withPool(config, (pool) => ledger.rotateSecret(pool, id, next, orderOf(options)));
  if (answer === 'unknown') throw unknown(id);
  showSecret({ id }, secretText(endpointSecret(webhookKey, salt)), options);
  if (options.json !== true) print(`The one before signs as well for ${describeDuration(options.overlap)}.`);
}

async function test(id: number, options: JsonOption & { readonly wait: number }): Promise<void> {
  const delivery = await withPool(loadConfig(), (pool) => postTest(pool, id, options.wait * 1_000));
  if (delivery === null)
    throw new CommandError(`webhook ${String(id)} is not there or not active: enable it first`, EXIT.finding);
  if (delivery.state !== 'delivered') process.exitCode = EXIT.finding;
  if (options.json === true) {
    printJson(delivery);
    return;
  }
  if (delivery.state === 'delivered') print(`It answered HTTP ${String(delivery.lastStatus)}.`);
  else if (delivery.state === 'failed') print(`It failed: ${delivery.lastFailure ?? ''}`);
  else print('No node has posted it yet: does one run, with WEBHOOK_KEY? See paygate webhooks deliveries.');
}

interface ListOptions extends JsonOption {
  readonly webhook?: number;
  readonly failed?: boolean;
  readonly pending?: boolean;
  readonly limit: number;
}

async function deliveries(options: ListOptions): Promise<void> {
  const { webhook, failed, pending, limit } = options;
  const found = await withPool(loadConfig(), (pool) =>
    ledger.readDeliveries(pool, {
      limit,
      ...(webhook === undefined ? {} : { endpointId: webhook }),
      ...(failed === true ? { state: 'failed' } : pending === true ? { state: 'pending' } : {}),
    }),
  );
  if (options.json === true) printJson(found);
  else print(describeDeliveries(found));
}

async function replay(
  ids: readonly string[],
  options: OrderOptions & { readonly webhook?: number },
): Promise<void> {
  if (ids.length > 0 === (options.webhook !== undefined))
    throw new CommandError('which ones? Name deliveries, or an endpoint with --webhook, not both');
  const wish = options.webhook === undefined ? { ids } : { failedOf: options.webhook };
  const replayed = await withPool(
    loadConfig(),
    (pool) => ledger.replayDeliveries(pool, wish, orderOf(options)),
    'unhurried',
  );
  if (replayed < ids.length) process.exitCode = EXIT.finding;
  if (options.json === true) printJson({ replayed });
  else print(`${count(replayed)} deliveries are posted again.`);
}

const NUMBER_MAX = 2_147_483_647;
const REPLAYS_MAX = 10_000;

const idArgument = (): Argument =>
  new Argument('<id>', 'of the endpoint').argParser(wholeNumber(1, NUMBER_MAX));
const webhookOption = (what: string): Option =>
  new Option('--webhook <id>', what).argParser(wholeNumber(1, NUMBER_MAX));

const deliveryIds = (text: string, before: readonly string[] | undefined): readonly string[] => {
  if ((before?.length ?? 0) >= REPLAYS_MAX)
    throw new CommandError(`at most ${String(REPLAYS_MAX)} at a time`);
  return [...(before ?? []), String(wholeNumber(1)(text))];
};

function orderCommand(parent: Command, name: string, summary: string, description = `${summary}.`): Command {
  return parent
    .command(name)
    .summary(summary)
    .description(paragraphs(description))
    .addOption(whyOption().makeOptionMandatory())
    .addOption(operatorOption())
    .option('--json', 'print JSON');
}

function addChanges(webhooks: Command): void {
  const changes: readonly (readonly [string, string, ChangeEndpoint, string])[] = [
    [
      'disable',
      'post nothing more to an endpoint; what comes meanwhile is kept for it',
      ledger.disableEndpoint,
      'It is disabled. What comes is kept for it, and posted when it is enabled.',
    ],
    [
      'enable',
      'post to an endpoint again, first what waits for it',
      ledger.enableEndpoint,
      'It is active. What waits for it is posted now.',
    ],
    [
      'remove',
      'forget an endpoint, with all that waits for it',
      ledger.removeEndpoint,
      'It is removed, with its deliveries.',
    ],
  ];
  for (const [name, summary, work, done] of changes)
    orderCommand(webhooks, name, summary)
      .addArgument(idArgument())
      .action((id: number, options: OrderOptions) => change(id, options, work, done));
  orderCommand(
    webhooks,
    'rotate-secret',
    'give an endpoint another secret; the one before signs as well for a while',
  )
    .addArgument(idArgument())
    .option('--overlap <time>', 'how long the one before signs as well', duration, LIMITS.webhookRotationMs)
    .action(rotate);
}

function addDeliveries(webhooks: Command): void {
  webhooks
    .command('test')
    .summary('have a node post a test, and say what came of it')
    .description(
      'Has a node post a test to an endpoint, once, and says what came of it. Exit code 1 if it failed.',
    )
    .addArgument(idArgument())
    .option('--wait <seconds>', 'how long to wait for a node', wholeNumber(0, 3_600), 30)
    .option('--json', 'print JSON')
    .action(test);
  webhooks
    .command('deliveries')
    .summary('list deliveries, newest first')
    .description('Lists deliveries, newest first: those that wait, and those that ended lately.')
    .addOption(webhookOption('only those of this endpoint'))
    .addOption(new Option('--failed', 'only those given up').conflicts('pending'))
    .option('--pending', 'only those that are not posted yet')
    .option('--limit <n>', 'how many to show', wholeNumber(1, 10_000), 100)
    .option('--json', 'print JSON')
    .action(deliveries);
  orderCommand(webhooks, 'replay', 'post ended deliveries again', REPLAY_DESCRIPTION)
    .addArgument(new Argument('[ids...]', 'numbers of deliveries').argParser(deliveryIds))
    .addOption(webhookOption('all that were given up of this endpoint'))
    .action((ids: readonly string[] | undefined, options: OrderOptions) => replay(ids ?? [], options));
}

/** `paygate webhooks add | list | show | disable | enable | remove | rotate-secret | test | deliveries | replay` */
export function webhooksCommand(): Command {
  const webhooks = new Command('webhooks').description(paragraphs(DESCRIPTION));
  orderCommand(webhooks, 'add', 'register an endpoint', ADD_DESCRIPTION)
    .argument('<url>', 'where to post')
    .addOption(new Option('--types <types...>', 'only these events').choices(EVENT_TYPES))
    .action(add);
  webhooks
    .command('list')
    .summary('list the endpoints')
    .description('Lists the endpoints, with what waits for them.')
    .option('--json', 'print JSON')
    .action(list);
  webhooks
    .command('show')
    .summary('show an endpoint')
    .description('Shows an endpoint: its state, its failures, what waits for it. Never its secret.')
    .addArgument(idArgument())
    .option('--json', 'print JSON')
    .action(show);
  addChanges(webhooks);
  addDeliveries(webhooks);
  return webhooks;
}
