import { createServer, type Server } from 'node:http';

export interface Received {
  readonly path: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** The server side of a web app: keeps what it is told. */
export class WebServer {
  readonly origin: string;
  readonly received: Received[] = [];
  /** The status of its answers. */
  status = 200;
  /** What it answers to a path, where that is more than a status. */
  answer:
    | ((path: string) => { status: number; headers?: Record<string, string>; body?: string } | undefined)
    | undefined;
  /** How long it takes, in milliseconds. */
  delayMs = 0;
  readonly #server: Server;

  private constructor(origin: string, server: Server) {
    this.origin = origin;
    this.#server = server;
  }

  static async start(): Promise<WebServer> {
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        web.received.push({ path: request.url ?? '', headers: request.headers, body });
        const own = web.answer?.(request.url ?? '');
        setTimeout(() => {
          if (own) response.writeHead(own.status, own.headers).end(own.body);
          else response.writeHead(web.status).end();
        }, web.delayMs);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    const web = new WebServer(`http://localhost:${(server.address() as { port: number }).port}`, server);
    return web;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
