import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const binary = fileURLToPath(new URL('../../bin/muster', import.meta.url));
const patience = 60_000;

/** The administrator's token that every test server starts with. */
export const adminToken = 'api-5f0d8c1e-7b3a-4a52-9d61-2c8e4f7a90b3';

/** A muster of its own on a new data directory, as `make build` made it. */
export class Server {
  readonly token = adminToken;
  log = '';
  private process: ChildProcess | undefined;

  private constructor(readonly url: string, private readonly folder: string, private readonly settings: readonly string[]) {}

  /** Starts one with more settings than those of every test: '--sdk-cache', '1s'. */
  static async start(...settings: string[]): Promise<Server> {
    const server = new Server(`http://127.0.0.1:${await freePort()}`, await mkdtemp(join(tmpdir(), 'muster-e2e-')), settings);
    await server.run();
    return server;
  }

  /** Starts the process, again after an end too: address and data stay. */
  async run(): Promise<void> {
    const child = spawn(binary, ['serve', '--data-dir', this.folder, '--listen', new URL(this.url).host, '--admin-token', this.token, '--disk-reserve', '0', ...this.settings], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    await new Promise<void>((ready, fail) => {
      const late = setTimeout(() => fail(new Error(`muster was not ready in time\n${this.log}`)), patience);
      const hear = (text: Buffer) => {
        this.log += text.toString();
        if (!this.log.includes('msg=ready')) return;
        clearTimeout(late);
        ready();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.on('error', fail);
      child.on('exit', (code) => fail(new Error(`muster ended with ${code}\n${this.log}`)));
    });
  }

  /** Ends the process and leaves its data. */
  async end(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    this.log = '';
  }

  async remove(): Promise<void> {
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The set-up code that the server wrote into its log. */
  get setUpCode(): string {
    const code = /\/ui\/first-run#code=([\w-]+)/.exec(this.log)?.[1];
    if (!code) throw new Error(`no set-up code in the log\n${this.log}`);
    return code;
  }

  /** Calls the management API with the administrator's token and fails unless it answers 2xx. */
  async api<Answer = unknown>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const text = typeof body === 'string';
    const response = await fetch(`${this.url}/api/v2${path}`, {
      method,
      headers: {
        'Authorization': this.token, 'LD-API-Version': 'beta',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers,
      },
      body: body === undefined ? undefined : text ? body : JSON.stringify(body),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
    return (answer === '' ? undefined : JSON.parse(answer)) as Answer;
  }
}

/**
 * A port of loopback that nobody listens on, and that no outgoing connection is given while a server restarts on it: those begin at 32768.
 * Browsers refuse 10080.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 20_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
