import { describe, expect, test } from 'vitest';

import { authorization, curl, filled, testSync, trouble } from '@/features/sources/api/guide';
import type { Tool } from '@/lib/api/tools';

const values = { environmentId: '66f0', contextKind: 'device' };

function tool(body: string | undefined): Tool {
  return {
    key: 'x', name: 'X', overview: '', native: 'none', path: '/x', basicAuthentication: false, steps: [], cannot: [], websites: {}, body,
    can: { replace: false, contextKind: true, link: false, description: false, messageId: false, cohorts: false },
  };
}

test('values of the environment stand in the guide', () => {
  expect(filled('?environmentId={{environmentId}}&kind={{contextKind}}', values)).toBe('?environmentId=66f0&kind=device');
});

test('addresses that tools cannot or should not use are told', () => {
  expect(trouble('http://localhost:8080')).toBe('loopback');
  expect(trouble('https://127.0.0.1')).toBe('loopback');
  expect(trouble('http://muster.example')).toBe('plain');
  expect(trouble('https://muster.example')).toBeUndefined();
});

describe('a test sync', () => {
  test('has a cohort of its own instead of the placeholders', () => {
    const test = testSync(tool('{"e":"{{environmentId}}","c":"AUDIENCE-ID","n":"AUDIENCE-NAME","l":"LINK","add":[{"id":"USER-1"}],"v":true}'), values, 'https://m/ui', 36);
    expect(test?.cohort).toBe('muster-test-10');
    expect(JSON.parse(test?.body ?? '')).toEqual({ e: '66f0', c: 'muster-test-10', n: 'Test of X', l: 'https://m/ui', add: [{ id: 'muster-test-user-1' }], v: true });
  });
  test('counts where the tool counts its cohorts', () => {
    const test = testSync(tool('{"segment":{"id": 1,"name":"SEGMENT-NAME"}}'), values, '', 77);
    expect(test?.cohort).toBe('77');
    expect(JSON.parse(test?.body ?? '')).toEqual({ segment: { id: 77, name: 'Test of X' } });
  });
  test('needs a template', () => {
    expect(testSync(tool(undefined), values, '')).toBeUndefined();
  });
});

test('a line for a shell quotes what it holds', () => {
  expect(curl('http://m/x', 'api-1', '{"n":"it\'s"}')).toContain(`--data '{"n":"it'\\''s"}'`);
});

test('the token is a password where the tool knows only that', () => {
  expect(authorization(tool(''), 'api-1')).toBe('api-1');
  expect(authorization({ ...tool(''), basicAuthentication: true }, 'api-1')).toBe(`Basic ${btoa('muster:api-1')}`);
});
