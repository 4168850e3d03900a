import { createServer } from 'node:http';
import { Fault } from '../core/errors.ts';
import { digest, equalInConstantTime } from '../crypto/digest.ts';

export interface MetricsListener {
  /** The port it got. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Gives figures to Prometheus (`GET /metrics`), at an address of their own: never at the one that people use.
 * @param read the figures in Prometheus' text format; it fails where the database is away, and so does the answer
 * @throws Fault `port_in_use`
 */
export async function listenForMetrics(
  { host, port, token }: { host: string; port: number; token: string | undefined },
  read: () => Promise<{ type: string; text: string }>,
): Promise<MetricsListener> {
  const isAllowed = (header: string | undefined): boolean =>
    token === undefined || equalInConstantTime(digest(header ?? ''), digest(`Bearer ${token}`));
  const server = createServer((request, response) => {
    const refuse = (status: number, sentence: string): void => {
      response.writeHead(status, {
        'content-type': 'text/plain; charset=utf-8',
        ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      });
      response.end(`${sentence}\n`);
    };
    if (!isAllowed(request.headers.authorization)) return refuse(401, 'Show METRICS_TOKEN as a Bearer token.');
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics')
      return refuse(404, 'Figures are at /metrics.');
    read().then(
      ({ type, text }) => response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(text),
      () => refuse(503, 'The figures cannot be read now. The log says why.'),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new Fault(
          'port_in_use',
          `METRICS_LISTEN: nothing can listen at ${host}:${port} (${(cause as NodeJS.ErrnoException).code}).`,
          {
            cause,
          },
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
