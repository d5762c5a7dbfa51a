import { expect, test } from 'vitest';

import { matches, placeAt } from '@/features/access/api/completion';

/** The place at the bar in the text. */
function at(marked: string) {
  const caret = marked.indexOf('|');
  const text = marked.replace('|', '');
  const place = placeAt(text, caret);
  return place && `${place.what} ${text.slice(place.from, place.to)} ${place.typed}`;
}

test.each([
  ['[{"eff|"}]', 'member eff eff'],
  ['[{"effect":"al|low"}]', 'effect allow al'],
  ['[{"effect":"allow","actions":["createSegment","up|"]}]', 'action up up'],
  ['[{"effect":"allow","actions":["createSegment"],"resources":["proj/web:e|"]}]', 'resource proj/web:e proj/web:e'],
  ['[{"notResources":["|', 'resource  '],
  ['[{"notActions":["a|\n]', 'action a a'],
  ['[{"actions":["a"],"na|', 'member na na'],
])('%s', (marked, want) => {
  expect(at(marked)).toBe(want);
});

test.each(['|[]', '[{"actions":|["a"]}]', '[{"other":["a|"]}]', '["a|"]', '[{"other":"a|"}]'])('nothing can be completed in %s', (marked) => {
  expect(at(marked)).toBeUndefined();
});

test('what begins as typed comes first, and what is complete is not offered', () => {
  expect(matches(['cloneFlag', 'updateFlag', 'flagX'], 'flag')).toEqual(['flagX', 'cloneFlag', 'updateFlag']);
  expect(matches(['createFlag'], 'createFlag')).toEqual([]);
  expect(matches(['createFlag', 'createFlagLink'], 'createFlag')).toEqual(['createFlag', 'createFlagLink']);
});
