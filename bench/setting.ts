import { InvalidArgumentError } from 'commander';

/** For commander: one more `NAME=value` of those given. */
export function setting(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const [name, value] = text.split(/=(.*)/s);
  if (name === undefined || value === undefined || !/^[A-Z_]+$/.test(name))
    throw new InvalidArgumentError('expected a setting like PROCESSOR_WORKERS=2.');
  return { ...before, [name]: value };
}
