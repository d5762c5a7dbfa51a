// @vitest-environment jsdom
import { act, renderHook } from '@testing-library/react';
import { expect, test } from 'vitest';

import type { Targeting } from '@/features/flags/api/targeting';
import { useTargeting } from '@/features/flags/api/useTargeting';

const saved: Targeting = { prerequisites: [], targets: [], rules: [], fallthrough: { variation: 1 }, off: 1 };

test('edits serve the variations that were chosen, also after somebody removed another one', () => {
  const { result, rerender } = renderHook(({ present, ids }) => useTargeting(present, ids, false), { initialProps: { present: saved, ids: ['a', 'b', 'c'] } });
  act(() => result.current.edit(() => ({ fallthrough: { variation: 2 } })));
  rerender({ present: { ...saved, fallthrough: { variation: 0 }, off: 0 }, ids: ['b', 'c'] });
  expect(result.current.edited).toEqual({ ...saved, fallthrough: { variation: 1 }, off: 0 });
  expect(result.current.overtaken).toBeUndefined();
});
