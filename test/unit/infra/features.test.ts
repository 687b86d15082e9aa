/** Without this: a switch that is misspelt and silently ignored, or a feature that is loaded although it is off. */
import { expect, it } from 'vitest';
import { ConfigError, FEATURES, loadConfig } from '../../../src/config.ts';

const featuresOf = (text?: string): readonly string[] =>
  [...loadConfig(text === undefined ? {} : { FEATURES: text }).features].toSorted();

it('all but tracing are on unless something is said', () => {
  expect(featuresOf()).toEqual(FEATURES.filter((feature) => feature !== 'tracing').toSorted());
});

it.each([
  ['cache, Metrics', ['cache', 'metrics']],
  ['minimal', []],
  [' MINIMAL ', []],
  ['all', [...FEATURES].toSorted()],
  ['rules,rules', ['rules']],
])('%s', (text, expected) => {
  expect(featuresOf(text)).toEqual(expected);
});

it.each(['cash', 'minimal,cache', 'ledger'])('%s is refused, with the names there are', (text) => {
  expect(() => featuresOf(text)).toThrow(ConfigError);
  expect(() => featuresOf(text)).toThrow(/FEATURES: .*cache, metrics, tracing/);
});
