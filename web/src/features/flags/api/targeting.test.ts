import { expect, test } from 'vitest';

import { gone, renumbered, type Targeting } from '@/features/flags/api/targeting';

test('a targeting keeps its variations when they have other places', () => {
  const before: Targeting = {
    prerequisites: [{ key: 'other', variation: 2 }], targets: [{ kind: 'user', variation: 2, values: ['ann'] }],
    rules: [{ id: 'a', description: '', clauses: [], serve: { variation: 1 }, disabled: false }],
    fallthrough: { rollout: { variations: [{ variation: 0, weight: 20_000 }, { variation: 2, weight: 80_000 }] } }, off: 0,
  };
  expect(renumbered(before, (variation) => variation - 1)).toEqual({
    ...before, targets: [{ kind: 'user', variation: 1, values: ['ann'] }], rules: [{ ...before.rules[0], serve: { variation: 0 } }],
    fallthrough: { rollout: { variations: [{ variation: 1, weight: 80_000 }] } }, off: gone,
  });
});
