// @vitest-environment jsdom
import { beforeEach, expect, test } from 'vitest';

import { matching, recentEntries, rememberEntry } from '@/app/shell/palette';

const entry = (label: string) => ({ id: label, label, kind: 'Page', href: `/ui/${label}` });

beforeEach(() => localStorage.clear());

test('what begins with the words comes first, what lacks them not at all', () => {
  const found = matching([entry('My flags'), entry('Segments'), entry('Flags')], 'fl');
  expect(found.map((one) => one.label)).toEqual(['Flags', 'My flags']);
});

test('the newest of what was chosen comes first, once, and five are kept', () => {
  for (const label of ['a', 'b', 'c', 'd', 'e', 'f', 'b']) rememberEntry(entry(label));
  expect(recentEntries().map((one) => one.label)).toEqual(['b', 'f', 'e', 'd', 'c']);
});

test('addresses of elsewhere in the browser’s store lead nowhere', () => {
  localStorage.setItem('muster-recent', JSON.stringify([{ ...entry('x'), href: 'javascript:alert(1)' }, { ...entry('y'), href: '/ui//evil' }, 7, entry('z')]));
  expect(recentEntries().map((one) => one.label)).toEqual(['z']);
  localStorage.setItem('muster-recent', '{');
  expect(recentEntries()).toEqual([]);
});
