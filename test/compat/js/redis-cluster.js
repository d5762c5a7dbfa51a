// Redis clients of the npm registry on a cluster that a sink writes to: what each reads of every context, and on how many nodes there are keys.
import Redis5 from 'ioredis';
import Redis6 from 'ioredis6';

const setting = (name) => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const [port, prefix, hashes] = ['REDIS_PORT', 'REDIS_PREFIX', 'COMPAT_HASHES'].map(setting);

for (const [name, Redis] of Object.entries({ 'ioredis 5': Redis5, 'ioredis 6': Redis6 })) {
  const client = new Redis.Cluster([{ host: '127.0.0.1', port: Number(port) }]);
  const members = {};
  for (const hash of hashes.split(',')) members[hash] = await client.smembers(`${prefix}:big_segment_include:${hash}`);
  const synchronizedOn = Number(await client.get(`${prefix}:big_segments_synchronized_on`));
  const sizes = await Promise.all(client.nodes('master').map((node) => node.dbsize()));
  await client.quit();
  process.stdout.write(`${JSON.stringify({ name, members, synchronizedOn, nodes: sizes.filter((size) => size > 0).length })}\n`);
}
