import { createReadStream } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const clients = new URL('../../test/compat/js/', import.meta.url);

/** What a site of a customer serves: a page, and LaunchDarkly's SDK as it is published. */
const files: Record<string, { type: string; file: URL }> = {
  '/': { type: 'text/html', file: new URL('page.html', clients) },
  '/sdk.js': { type: 'text/javascript', file: new URL('node_modules/@launchdarkly/js-client-sdk/dist/index.js', clients) },
};

/** A site of the customer's, on an origin of its own, whose page shows what flags serve its visitor. */
export class Site {
  private constructor(private readonly server: HttpServer) {}

  static async start(): Promise<Site> {
    const server = createServer((request, response) => {
      const found = files[new URL(request.url ?? '/', 'http://site').pathname];
      if (!found) { // such as the icon that browsers ask for
        response.writeHead(204).end();
        return;
      }
      createReadStream(found.file)
        .on('error', (error) => response.writeHead(500).end(`${fileURLToPath(found.file)}: ${error.message}; test/setup.sh installs it`))
        .once('open', () => response.writeHead(200, { 'Content-Type': found.type }))
        .pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Site(server);
  }

  /** The page as a visitor has it, whose SDK asks the muster at base. */
  page(base: string, clientSideId: string, visitor: string, flags: readonly string[]): string {
    const query = new URLSearchParams({ base, environment: clientSideId, context: JSON.stringify({ kind: 'user', key: visitor }), flags: flags.join(',') });
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/?${query.toString()}`;
  }

  async end(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
