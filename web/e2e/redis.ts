import { createHash } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from './server';

const patience = 20_000;

/** A redis-server of its own, which keeps nothing over its end. */
export class Redis {
  private constructor(readonly port: number, private readonly folder: string, private readonly process: ChildProcess) {}

  static async start(): Promise<Redis> {
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'muster-redis-'));
    const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((ready, fail) => {
      const late = setTimeout(() => fail(new Error('redis-server was not ready in time')), patience);
      let log = '';
      child.stdout.on('data', (text: Buffer) => {
        log += text.toString();
        if (!log.includes('Ready to accept connections')) return;
        clearTimeout(late);
        ready();
      });
      child.on('error', fail);
      child.on('exit', (code) => fail(new Error(`redis-server ended with ${code}\n${log}`)));
    });
    return new Redis(port, folder, child);
  }

  /** Sends a command and returns the first line of the answer. */
  async command(...words: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write(`${words.join(' ')}\r\n`));
      socket.once('data', (answer) => {
        socket.end();
        resolve(answer.toString().split('\r\n', 1)[0] ?? '');
      });
      socket.once('error', reject);
    });
  }

  /** How many contexts are in some segment, under a prefix. */
  async contexts(prefix: string): Promise<number> {
    return Number((await this.command('EVAL', `"return #redis.call('keys', '${prefix}:big_segment_include:*')"`, '0')).slice(1));
  }

  /** Writes a context past muster: it is in a segment of which muster knows that it is not. */
  async addContext(prefix: string, ref: string): Promise<void> {
    const hash = createHash('sha256').update('a stranger').digest('base64');
    await this.command('SADD', `${prefix}:big_segment_include:${hash}`, ref);
  }

  async end(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await gone;
    await rm(this.folder, { recursive: true, force: true });
  }
}
