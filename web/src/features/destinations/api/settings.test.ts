import { expect, test } from 'vitest';

import { configOf, emptySettings, missingOf, settingsOf } from '@/features/destinations/api/settings';
import type { Sink } from '@/features/destinations/api/sinks';

const sink = (integrationKey: string, config: Record<string, unknown>): Sink => ({
  _id: '1', _links: {}, _status: { available: true, errors: [], lastSync: 1, message: '', potentiallyStale: false }, config, environmentKey: 'e', integrationKey,
  name: 'checkout', on: true, projectKey: 'p', tags: [], version: 3,
});

test.each([
  ['one Redis', 'redis', { host: 'redis', port: '6379', tlsEnabled: false, db: '2', prefix: 'app' }],
  ['one with TLS and a password', 'redis', { host: 'redis', port: '6379', tlsEnabled: true, tlsServerName: 'r', username: 'u', password: 'sup********123', prefix: 'app' }],
  ['Sentinels', 'redis', { host: 's1', port: '26379', tlsEnabled: false, sentinelMaster: 'main', nodes: ['s2:26379', 's3:26379'], prefix: 'app' }],
  ['a cluster in daemon mode', 'redis', { host: 'c1', port: '6379', tlsEnabled: false, cluster: true, nodes: ['c2:6379'], daemonMode: true, membersPerSecond: '5000', prefix: 'app' }],
  ['a table', 'dynamodb', { tableName: 'members', region: 'eu-central-1', accessKeyId: 'AKIA', secretAccessKey: '********', prefix: 'app', createTable: true }],
])('what is kept of %s comes out of the form as it went in', (_, kind, config) => {
  const { tlsEnabled, ...rest } = config as Record<string, unknown>;
  expect(configOf(settingsOf(sink(kind, config)), config)).toEqual(tlsEnabled ? config : rest);
});

test('a secret that was typed takes the place of the one that is kept, an empty one removes it', () => {
  const kept = { host: 'redis', port: '6379', username: 'u', password: 'sup********123' };
  const settings = settingsOf(sink('redis', kept));
  expect(configOf({ ...settings, secrets: { password: 'new' } }, kept).password).toBe('new');
  expect(configOf({ ...settings, secrets: { password: '' } }, kept)).not.toHaveProperty('password');
});

test('what says something of TLS is left out where there is none', () => {
  const settings = { ...emptySettings('redis'), texts: { host: 'redis', tlsCA: 'pem' }, switches: { tlsSkipVerify: true }, secrets: { tlsKey: 'key' } };
  expect(configOf(settings)).toEqual({ host: 'redis' });
  expect(configOf({ ...settings, switches: { tlsEnabled: true } })).toEqual({ host: 'redis', tlsEnabled: true, tlsCA: 'pem', tlsKey: 'key' });
});

test('what must be there is asked for', () => {
  expect(Object.keys(missingOf(emptySettings('sentinel')))).toEqual(['host', 'sentinelMaster']);
  expect(Object.keys(missingOf(emptySettings('dynamodb')))).toEqual(['tableName', 'region']);
  expect(missingOf({ ...emptySettings('redis'), texts: { host: ' redis ' } })).toEqual({});
});
