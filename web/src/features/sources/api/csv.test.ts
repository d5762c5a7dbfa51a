import { describe, expect, test } from 'vitest';

import { firstRows, likelyColumn, separatorOf } from '@/features/sources/api/csv';

describe('firstRows', () => {
  test('reads quotes, line ends of every kind, and no empty lines', () => {
    expect(firstRows('a,"b,""c"\r\n\r\n1,"x\ny"\r2,z', 'comma', 5)).toEqual([['a', 'b,"c'], ['1', 'x\ny'], ['2', 'z']]);
  });
  test('stops at as many as asked for', () => {
    expect(firstRows('a\nb\nc\n', 'comma', 2)).toEqual([['a'], ['b']]);
  });
});

test('the separator is the most frequent one of the first row, outside quotes', () => {
  expect(separatorOf('a;b;c,d\n1;2;3')).toBe('semicolon');
  expect(separatorOf('7;ann@example.org\n')).toBe('semicolon');
  expect(separatorOf('a\tb\n')).toBe('tab');
  expect(separatorOf('"a;b;c",d\n')).toBe('comma');
  expect(separatorOf('ann\n')).toBe('comma');
});

test('a column with a usual name is the likely one', () => {
  expect(likelyColumn(['Name', ' Email '])).toBe(1);
  expect(likelyColumn(['no', 'customer'])).toBe(0);
});
