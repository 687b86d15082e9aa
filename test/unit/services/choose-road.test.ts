// Without these, `npm start` on a newcomer's machine could install packages although the programs are there, wait for a
// Docker engine nobody needs, or fail without saying what to do.
import { describe, expect, test } from 'vitest';
import type { MachineProbe } from '../../../src/infra/services/choose-road.ts';
import { choosePlan } from '../../../src/infra/services/choose-road.ts';
import type { ServerKind } from '../../../src/infra/services/server-kind.ts';
import { SERVER_KINDS } from '../../../src/infra/services/server-kind.ts';

interface Machine {
  readonly programs?: readonly ServerKind[];
  readonly docker?: 'answers' | 'silent';
  readonly apt?: 'usable' | 'absent';
}

function machine({
  programs = [],
  docker = 'silent',
  apt = 'absent',
}: Machine): MachineProbe & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    hasPrograms: (kind) => programs.includes(kind),
    dockerAnswers: () => {
      asked.push('docker');
      return Promise.resolve(docker === 'answers');
    },
    canInstall: () => apt === 'usable',
  };
}

describe('the road to each server', () => {
  test('programs that are there are used, and Docker is not even asked', async () => {
    const probe = machine({ programs: SERVER_KINDS, docker: 'answers', apt: 'usable' });
    expect(await choosePlan(SERVER_KINDS, probe, 'allowed')).toEqual({
      kind: 'plan',
      plan: { own: ['postgres', 'rabbitmq', 'redis'], compose: [], install: [] },
    });
    expect(probe.asked).toEqual([]);
  });

  test('Docker brings only what is missing, and comes before apt-get', async () => {
    const probe = machine({ programs: ['redis'], docker: 'answers', apt: 'usable' });
    expect(await choosePlan(SERVER_KINDS, probe, 'allowed')).toEqual({
      kind: 'plan',
      plan: { own: ['redis'], compose: ['postgres', 'rabbitmq'], install: [] },
    });
  });

  test('apt-get brings only what is missing', async () => {
    const probe = machine({ programs: ['postgres', 'redis'], apt: 'usable' });
    expect(await choosePlan(SERVER_KINDS, probe, 'allowed')).toEqual({
      kind: 'plan',
      plan: { own: ['postgres', 'redis'], compose: [], install: ['rabbitmq'] },
    });
  });

  test('a server that is not wanted is not looked for', async () => {
    expect(await choosePlan(['redis'], machine({ programs: ['redis'] }), 'refused')).toMatchObject({
      kind: 'plan',
    });
  });

  test('with no road left, one message names what is missing and how to get it', async () => {
    const choice = await choosePlan(SERVER_KINDS, machine({ programs: ['postgres'] }), 'allowed');
    expect(choice).toMatchObject({ kind: 'impossible' });
    const message = choice.kind === 'impossible' ? choice.message : '';
    expect(message).toContain('not found on this machine: RabbitMQ, Redis.');
    expect(message).toContain('apt-get install --no-install-recommends rabbitmq-server redis-server');
    expect(message).not.toContain('PostgreSQL');
  });

  test('nothing is installed where that was not allowed', async () => {
    const choice = await choosePlan(['redis'], machine({ apt: 'usable' }), 'refused');
    expect(choice).toMatchObject({
      kind: 'impossible',
      message: expect.stringContaining('was not allowed') as string,
    });
  });
});
