// Without these, an old PostgreSQL could be taken although a newer one is installed, or Debian's wrapper of RabbitMQ, which
// refuses ordinary users and ignores where its data should be.
import { expect, test } from 'vitest';
import type { FileSystemView } from '../../../src/infra/services/programs.ts';
import { findPrograms } from '../../../src/infra/services/programs.ts';

function filesWith(paths: readonly string[]): FileSystemView {
  return {
    exists: (path) => paths.includes(path),
    list: (directory) => [
      ...new Set(
        paths
          .filter((path) => path.startsWith(`${directory}/`))
          .map((path) => path.slice(directory.length + 1).split('/')[0] ?? ''),
      ),
    ],
  };
}

const postgres = (version: string): string[] =>
  ['postgres', 'initdb'].map((name) => `/usr/lib/postgresql/${version}/bin/${name}`);

test('the newest of several PostgreSQL versions, by number and not by letter', () => {
  const files = filesWith([...postgres('9.6'), ...postgres('15'), ...postgres('17')]);
  expect(findPrograms('postgres', {}, files)?.postgres).toBe('/usr/lib/postgresql/17/bin/postgres');
});

test('programs anywhere on PATH', () => {
  const files = filesWith(['/opt/pg/postgres', '/opt/pg/initdb']);
  expect(findPrograms('postgres', { PATH: '/usr/bin:/opt/pg' }, files)?.initdb).toBe('/opt/pg/initdb');
});

test('RabbitMQ from under lib, not the wrapper in /usr/sbin', () => {
  const files = filesWith([
    '/usr/sbin/rabbitmq-server',
    '/usr/sbin/rabbitmqctl',
    '/usr/lib/rabbitmq/bin/rabbitmq-server',
    '/usr/lib/rabbitmq/bin/rabbitmqctl',
    '/usr/bin/epmd',
    '/usr/bin/erl',
  ]);
  expect(findPrograms('rabbitmq', { PATH: '/usr/sbin:/usr/bin' }, files)).toEqual({
    'rabbitmq-server': '/usr/lib/rabbitmq/bin/rabbitmq-server',
    rabbitmqctl: '/usr/lib/rabbitmq/bin/rabbitmqctl',
    epmd: '/usr/bin/epmd',
    erl: '/usr/bin/erl',
  });
});

test('a server with one program missing is not there', () => {
  expect(findPrograms('postgres', { PATH: '/opt/pg' }, filesWith(['/opt/pg/postgres']))).toBeNull();
  expect(findPrograms('redis', {}, filesWith([]))).toBeNull();
});
