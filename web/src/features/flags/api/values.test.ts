import { expect, test } from 'vitest';

import { parseValue, shownValue, valueFault } from '@/features/flags/api/values';

const isOneOf = (attribute: string) => ({ op: 'in', attribute });

test('values are of the type that they look like, where they may be', () => {
  expect(['5', '-1.5', 'true', '"5"', '05', 'DE', 'null', '"', '{}'].map((typed) => parseValue(typed, isOneOf('age')))).toEqual([5, -1.5, true, '5', '05', 'DE', 'null', '"', '{}']);
  expect(parseValue('5', isOneOf('key'))).toBe('5');
  expect(parseValue('5', { op: 'startsWith', attribute: 'age' })).toBe('5');
  expect(parseValue('5', { op: 'lessThan', attribute: 'key' })).toBe(5);
});

test.each([[5], ['5'], [true], ['true'], ['DE'], ['"DE"'], [''], [{ a: 1 }]])('%j is shown as it would be typed', (value) => {
  const shown = shownValue(value, isOneOf('age'));
  expect(typeof value === 'object' ? JSON.parse(shown) : parseValue(shown, isOneOf('age'))).toEqual(value);
});

test('what an operator cannot compare is refused', () => {
  const fine = (value: unknown, op: string) => valueFault(value, op) === undefined;
  expect([fine(5, 'lessThan'), fine('five', 'lessThan')]).toEqual([true, false]);
  expect([fine('2026-11-03T12:00:00Z', 'before'), fine(1_760_000_000_000, 'after'), fine('yesterday', 'before'), fine('2026-13-03T12:00:00Z', 'before')]).toEqual([true, true, false, false]);
  expect([fine('2.1.0', 'semVerEqual'), fine('2', 'semVerLessThan'), fine('2.1.0-beta.1', 'semVerEqual'), fine('two', 'semVerGreaterThan')]).toEqual([true, true, true, false]);
  expect(fine('(?i)anything', 'matches')).toBe(true);
});
