import type { Addable } from '@/features/destinations/api/search';
import type { Sink, SinkKind } from '@/features/destinations/api/sinks';

/** What a store is set up as. */
export type StoreKind = Exclude<Addable, 'relay'>;

/** The names of texts that the config of a store has, secrets aside. */
export type TextName =
  | 'host' | 'port' | 'db' | 'username' | 'prefix' | 'sentinelMaster' | 'sentinelUsername' | 'tlsCA' | 'tlsServerName' | 'tlsCertificate'
  | 'tableName' | 'region' | 'endpoint' | 'roleArn' | 'externalId' | 'accessKeyId' | 'membersPerSecond';
export type SecretName = 'password' | 'sentinelPassword' | 'tlsKey' | 'secretAccessKey';
export type SwitchName = 'tlsEnabled' | 'tlsSkipVerify' | 'createTable' | 'daemonMode';

/** A store as a form edits it. */
export interface Settings {
  kind: StoreKind;
  name: string;
  texts: Partial<Record<TextName, string>>;
  switches: Partial<Record<SwitchName, boolean>>;
  /** A secret that was typed; one that is missing here stays as the server keeps it. */
  secrets: Partial<Record<SecretName, string>>;
  /** Further nodes or Sentinels, one a line. */
  nodes: string;
}

/** Which fields a kind has. */
const shared: TextName[] = ['prefix', 'membersPerSecond'];
const redis: TextName[] = ['host', 'port', 'username', 'tlsCA', 'tlsServerName', 'tlsCertificate', ...shared];
const textsOf: Record<StoreKind, TextName[]> = {
  redis: [...redis, 'db'],
  sentinel: [...redis, 'db', 'sentinelMaster', 'sentinelUsername'],
  cluster: redis,
  dynamodb: ['tableName', 'region', 'endpoint', 'roleArn', 'externalId', 'accessKeyId', ...shared],
};
const secretsOf: Record<StoreKind, SecretName[]> = {
  redis: ['password', 'tlsKey'], sentinel: ['password', 'sentinelPassword', 'tlsKey'], cluster: ['password', 'tlsKey'], dynamodb: ['secretAccessKey'],
};
const switchesOf: Record<StoreKind, SwitchName[]> = {
  redis: ['tlsEnabled', 'tlsSkipVerify', 'daemonMode'], sentinel: ['tlsEnabled', 'tlsSkipVerify', 'daemonMode'], cluster: ['tlsEnabled', 'tlsSkipVerify', 'daemonMode'],
  dynamodb: ['createTable', 'daemonMode'],
};
/** What means nothing without TLS. */
const ofTLS: readonly string[] = ['tlsCA', 'tlsServerName', 'tlsCertificate', 'tlsKey', 'tlsSkipVerify'] satisfies (TextName | SecretName | SwitchName)[];

/** The kind of integration that a store is. */
export function sinkKind(kind: StoreKind): SinkKind {
  return kind === 'dynamodb' ? 'dynamodb' : 'redis';
}

export function emptySettings(kind: StoreKind): Settings {
  const texts: Settings['texts'] = kind === 'dynamodb' ? {} : { port: kind === 'sentinel' ? '26379' : '6379' };
  return { kind, name: '', texts, switches: {}, secrets: {}, nodes: '' };
}

/** The config that the server keeps, with its secrets masked. */
export type Config = Record<string, unknown>;

export function configOfSink(sink: Sink): Config {
  return sink.config as Config;
}

export function settingsOf(sink: Sink): Settings {
  const config = configOfSink(sink);
  const kind: StoreKind = sink.integrationKey === 'dynamodb' ? 'dynamodb' : config.cluster === true ? 'cluster' : config.sentinelMaster ? 'sentinel' : 'redis';
  const texts: Settings['texts'] = {};
  for (const name of textsOf[kind]) if (typeof config[name] === 'string' && config[name] !== '0') texts[name] = config[name];
  const switches: Settings['switches'] = {};
  for (const name of switchesOf[kind]) if (config[name] === true) switches[name] = true;
  return { kind, name: sink.name, texts, switches, secrets: {}, nodes: Array.isArray(config.nodes) ? config.nodes.join('\n') : '' };
}

/** The config that a form stands for. Secrets that nobody typed stay masked, by which the server knows them. */
export function configOf(settings: Settings, kept: Config = {}): Config {
  const { kind, texts, switches, secrets } = settings;
  const config: Config = {};
  const means = (name: string) => switches.tlsEnabled === true || !ofTLS.includes(name);
  for (const name of textsOf[kind].filter(means)) {
    const text = name === 'tlsCA' || name === 'tlsCertificate' || name === 'prefix' ? texts[name] : texts[name]?.trim();
    if (text) config[name] = text;
  }
  for (const name of switchesOf[kind].filter(means)) if (switches[name]) config[name] = true;
  for (const name of secretsOf[kind].filter(means)) {
    const secret = secrets[name] ?? kept[name];
    if (secret) config[name] = secret;
  }
  const nodes = settings.nodes.split(/[\s,]+/).filter((node) => node !== '');
  if (nodes.length > 0 && (kind === 'cluster' || kind === 'sentinel')) config.nodes = nodes;
  if (kind === 'cluster') config.cluster = true;
  return config;
}

/** What is missing before a form can be sent; the server says what else is wrong. */
export function missingOf({ kind, texts }: Settings): Partial<Record<TextName, string>> {
  const need: Partial<Record<TextName, string>> = kind === 'dynamodb'
    ? { tableName: 'Type the name of the table.', region: 'Type a region.' }
    : { host: 'Type a host name or an IP address.', ...(kind === 'sentinel' && { sentinelMaster: 'Type the name of the master.' }) };
  return Object.fromEntries(Object.entries(need).filter(([name]) => !texts[name as TextName]?.trim()));
}
