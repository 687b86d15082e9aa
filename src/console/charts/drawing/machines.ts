import type { AnyStateMachine } from 'xstate';
import { accountMachine } from '../../../machines/account-machine.ts';
import { connectionMachine } from '../../../machines/connection-machine.ts';
import { nodeMachine } from '../../../machines/node-machine.ts';
import { shardMachine } from '../../../machines/shard-machine.ts';

/** Every statechart of the project, in the order in which they are shown. */
export const MACHINES: Readonly<Record<string, AnyStateMachine>> = {
  account: accountMachine,
  shard: shardMachine,
  node: nodeMachine,
  connection: connectionMachine,
};
