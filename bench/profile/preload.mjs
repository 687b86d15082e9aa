// Loaded into a node that is profiled, before its own code. Its parent says when over the channel: `{profile: 'cpu' | 'heap', file}` begins (`{node}` in it is the node's name),
// `{profile: 'end'}` writes the file; both are answered with `{type: 'profile'}`, or with `{type: 'profile', error}`.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

const SAMPLE_US = 500;
const SAMPLE_BYTES = 16_384;

const session = new Session();
session.connect();

const KINDS = {
  cpu: {
    begin: async () => {
      await session.post('Profiler.enable');
      await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
      await session.post('Profiler.start');
    },
    end: () => session.post('Profiler.stop'),
  },
  heap: {
    // With what was collected again: most of what allocating costs is there.
    begin: () =>
      session.post('HeapProfiler.startSampling', {
        samplingInterval: SAMPLE_BYTES,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true,
      }),
    end: () => session.post('HeapProfiler.stopSampling'),
  },
};

let running = null;

async function obey({ profile, file }) {
  if (profile !== 'end') {
    await KINDS[profile].begin();
    running = { end: KINDS[profile].end, file: file.replace('{node}', process.env.NODE_ID ?? 'node') };
    return;
  }
  const answer = await running.end();
  writeFileSync(running.file, JSON.stringify(answer.profile));
}

process.on('message', (message) => {
  if (message?.profile === undefined) return;
  obey(message).then(
    () => process.send({ type: 'profile' }),
    (error) => process.send({ type: 'profile', error: String(error) }),
  );
});
