import { describe, expect, it } from 'vitest';

import { changeWords, differenceOf, verdictOf } from '@/features/segments/api/verdict';

const added = { at: 1, revision: 1, change: 'added' as const, runId: 'r1', tool: 'rudderstack', kind: 'push' };
const removed = { ...added, at: 2, revision: 2, change: 'removed' as const };

describe('why a context is in', () => {
  it('is in since the change that added it', () => {
    expect(verdictOf({ key: 'ann', included: true, items: [added, removed], near: [], completeSince: 0 })).toEqual({ included: true, what: 'since', by: added });
  });
  it('is in for longer than anybody remembers', () => {
    expect(verdictOf({ key: 'ann', included: true, items: [], near: [], completeSince: 0 }).what).toBe('long');
  });
  it('was removed', () => {
    expect(verdictOf({ key: 'ann', included: false, items: [removed, added], near: [], completeSince: 0 }).by).toEqual(removed);
  });
  it('was never seen', () => {
    expect(verdictOf({ key: 'ann', included: false, items: [], near: [], completeSince: 0 }).what).toBe('never');
  });
  it('says who changed it', () => {
    expect(changeWords(removed, 'RudderStack')).toBe('RudderStack removed this key');
    expect(changeWords({ ...added, kind: 'rollback' }, undefined)).toBe('A rollback brought this key back');
  });
});

describe('keys that look alike', () => {
  it.each([
    ['Ana', 'ana', 'in capital letters only'],
    ['ana ', 'ana', 'in blanks at its ends only'],
    ['e\u0301', '\u00e9', 'in its Unicode form only, which no eye can see'],
  ])('%j and %j differ', (key, near, difference) => {
    expect(differenceOf(key, near)).toBe(difference);
  });
});
