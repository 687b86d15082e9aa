/** Imports go one way: contracts, domain < ports < machines < actors < supervisor < node (composition root) < cli. */
const layer = (name, from, to) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: to },
});

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    layer('contracts-and-domain-are-pure', '^src/(contracts|domain)/', '^src/(?!contracts/|domain/)'),
    layer('ports-know-only-the-domain', '^src/ports/', '^src/(?!contracts/|domain/|ports/)'),
    layer('machines-do-no-io', '^src/machines/', '^src/(?!contracts/|domain/|ports/|machines/|limits)'),
    layer(
      'actors-run-machines',
      '^src/actors/',
      '^src/(?!contracts/|domain/|ports/|machines/|actors/|limits)',
    ),
    layer(
      'supervisor-sees-no-infra',
      '^src/supervisor/',
      '^src/(?!contracts/|domain/|ports/|machines/|actors/|supervisor/|limits)',
    ),
    layer('infra-implements-ports', '^src/infra/', '^src/(?!contracts/|domain/|ports/|infra/|limits|config)'),
    layer('drive-knows-only-the-contract', '^src/drive/', '^src/(?!contracts/|domain/|drive/)'),
    layer(
      'charts-are-drawn-from-machines',
      '^src/console/charts/drawing/',
      '^src/(?!contracts/|domain/|ports/|machines/|limits|console/charts/)',
    ),
    layer('charts-are-drawn-beforehand', '^src/(?!console/charts/drawing/)', '^src/console/charts/drawing/'),
    layer('the-page-runs-in-a-browser', '^src/console/page/', '^src/(?!console/|contracts/console)'),
    layer('nothing-imports-the-page', '^src/(?!console/page/)', '^src/console/page/'),
    layer(
      'client-needs-no-node',
      '^src/client/',
      '^src/(?!client/|contracts/|domain/errors|infra/rabbitmq/)',
    ),
    layer('nothing-imports-the-client', '^src/(?!client/)', '^src/client/'),
    layer('nothing-imports-the-cli', '^src/(?!cli/)', '^src/cli/'),
    layer('no-test-in-source', '^src/', '^(test|bench|model)/'),
    {
      name: 'pure-layers-use-no-io-library',
      severity: 'error',
      from: { path: '^src/(contracts|domain|ports|machines|actors|supervisor)/' },
      to: { path: 'node_modules/(pg|amqplib|ioredis|bullmq|fastify|pino|commander|@opentelemetry)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
