import type { IntakePause } from '../ports/cluster.ts';
import { paint } from './output.ts';

/** A line wherever somebody might wonder why nothing happens; none while messages are read. */
export function describePause(pause: IntakePause | null): readonly string[] {
  if (pause === null) return [];
  const { operator, since, why } = pause;
  return [
    paint(
      'yellow',
      `Intake is PAUSED by ${operator} since ${since}: ${why} (\`paygate cluster resume\` ends it)`,
    ),
  ];
}
