import { expect, test } from 'vitest';

import { refusal } from '@/features/sources/api/refusal';

const titleOf = (status: number, message: string) => refusal(status, message, 'X', 'Production').title;

test('refusals say what happened', () => {
  expect(titleOf(401, 'this call needs an access token in the Authorization header')).toBe('The call carried no token.');
  expect(titleOf(401, 'this access token is not known')).toBe('The token is not known here; it may be cut off.');
  expect(titleOf(400, 'could not find path /listData/add/0/id in request payload')).toBe('/listData/add/0/id is missing.');
  expect(titleOf(400, 'the body is no JSON')).toBe('The body is no JSON.');
  expect(titleOf(403, 'X is disconnected from environment production')).toBe('X is disconnected from Production.');
  expect(titleOf(404, 'Unknown environment id')).toBe('No environment has the id that the call names.');
});

test('they name the steps of the page that connects the tool, wherever they stand', () => {
  expect(refusal(404, '', 'X', 'Production').fix).toBe('Copy the environment id of step 3 into X.');
  expect(refusal(404, '', 'X', 'Production', ' of “Connect X”').fix).toBe('Copy the environment id of step 3 of “Connect X” into X.');
});
