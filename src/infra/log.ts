import type { Writable } from 'node:stream';
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Logger } from '../ports/runtime.ts';

export interface LogSettings {
  readonly level: 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly nodeId: string;
  /** Where the lines go; standard output unless given. */
  readonly destination?: LineSink;
}

export interface LineSink {
  write(line: string): unknown;
}

/** The password in a URL, wherever in a line it turns up: in a setting, in a message of a driver, in a stack. */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/"]*:)[^\s@"]+@/gi;
/** Errors hold their causes; deeper ones say nothing new. */
const CAUSE_DEPTH_MAX = 4;

/** One JSON object a line; for people where standard output is a terminal. Passwords in URLs never get through. */
export function createLogger(settings: LogSettings): Logger {
  const sink = settings.destination ?? standardOutput();
  return pino(
    {
      level: settings.level,
      base: { node: settings.nodeId },
      serializers: { err: (error: unknown) => describe(error, 0) },
    },
    { write: (line: string) => void sink.write(line.replace(URL_PASSWORD, '$1***@')) },
  );
}

function standardOutput(): LineSink {
  if (!process.stdout.isTTY) return process.stdout;
  const ignore = 'pid,hostname';
  return asSink(pretty({ colorize: true, translateTime: 'SYS:HH:MM:ss.l', ignore, sync: true }));
}

function asSink(stream: Writable): LineSink {
  return { write: (line) => stream.write(line) };
}

/** What a person needs of an error. Drivers hang whole commands and connections on theirs; those stay out. */
function describe(error: unknown, depth: number): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const code = 'code' in error ? error.code : undefined;
  const goesDeeper = cause !== undefined && depth < CAUSE_DEPTH_MAX;
  return {
    type: name,
    message,
    ...(code === undefined ? {} : { code }),
    stack,
    ...(goesDeeper ? { cause: describe(cause, depth + 1) } : {}),
  };
}
