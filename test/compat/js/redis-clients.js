// Redis clients of the npm registry on muster's RESP port, in the clear or over TLS: what each reads of one context.
import { createClient } from 'redis';
import Redis5 from 'ioredis';
import Redis6 from 'ioredis6';

const setting = (name) => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const [host, port, password, key] = ['RESP_HOST', 'RESP_PORT', 'COMPAT_SDK_KEY', 'COMPAT_KEY'].map(setting);
const tls = process.env.RESP_TLS ? { rejectUnauthorized: false } : undefined;

const withIORedis = (Redis) => async () => {
  const client = new Redis({ host, port: Number(port), password, tls, lazyConnect: true, retryStrategy: null });
  await client.connect();
  const read = await client.pipeline().smembers(key).get('app:big_segments_synchronized_on').hgetall('app:segments').exists('app:$inited').exec();
  const answers = read.map(([error, value]) => {
    if (error) throw error;
    return value;
  });
  await client.quit();
  return answers;
};

const withNodeRedis = (RESP) => async () => {
  const client = createClient({ RESP, url: `${tls ? 'rediss' : 'redis'}://default:${password}@${host}:${port}`, socket: tls && { tls: true, ...tls } });
  client.on('error', (error) => {
    throw error;
  });
  await client.connect();
  const answers = await Promise.all([
    client.sMembers(key),
    client.get('app:big_segments_synchronized_on'),
    client.hGetAll('app:segments'),
    client.exists('app:$inited'),
  ]);
  await client.close();
  return answers;
};

const clients = {
  'ioredis 5': withIORedis(Redis5),
  'ioredis 6': withIORedis(Redis6),
  'node-redis, second protocol': withNodeRedis(2),
  'node-redis, third protocol': withNodeRedis(3),
};
for (const [name, read] of Object.entries(clients)) {
  const [members, synchronizedOn, segments, inited] = await read();
  const generation = JSON.parse(segments.vip ?? '{}').generation;
  process.stdout.write(`${JSON.stringify({ name, members: [...members], synchronizedOn: Number(synchronizedOn), generation, inited: Number(inited) })}\n`);
}
