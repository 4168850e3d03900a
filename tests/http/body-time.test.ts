import { connect } from 'node:net';
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { bodyTime } from '../../src/http/plugins/body-time.ts';
import { freePort } from '../support/ports.ts';

it('cuts off a body that comes too slowly, but for a route that takes its time for it', async () => {
  const port = await freePort();
  const app = Fastify({ logger: false });
  await app.register(bodyTime, { seconds: 1 });
  app.addContentTypeParser('text/csv', (_request, payload, done) => done(null, payload));
  app.post('/short', async () => 'taken');
  app.post('/file', async (request) => {
    request.giveTime(30);
    let size = 0;
    for await (const part of request.body as AsyncIterable<Buffer>) size += part.length;
    return `taken: ${size}`;
  });
  await app.listen({ port, host: 'localhost' });
  /** Twenty bytes, one each tenth of a second. @returns what came back until the connection ended */
  const drip = (path: string, type: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(port, 'localhost');
      let answer = '';
      let left = 20;
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: ${type}\r\nContent-Length: 20\r\n\r\n`,
      );
      const dripping = setInterval(() => {
        left -= 1;
        if (left >= 0 && socket.writable) socket.write('1');
        else clearInterval(dripping);
      }, 100);
      socket.on('data', (part) => {
        answer += part.toString();
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        clearInterval(dripping);
        resolve(answer);
      });
    });
  try {
    const [short, file] = await Promise.all([drip('/short', 'text/plain'), drip('/file', 'text/csv')]);
    expect(short).toMatch(/^HTTP\/1.1 408 /);
    expect(file).toMatch(/^HTTP\/1.1 200 /);
    expect(file).toContain('taken: 20');
    // Whoever is answered before their body is there has no more time for it either, and no second answer.
    for (const path of ['/nowhere', '/%zz']) {
      const early = await drip(path, 'text/plain');
      expect(early.match(/HTTP\/1.1 \d+/g)).toHaveLength(1);
    }
    expect((await fetch(`http://localhost:${port}/short`, { method: 'POST', body: 'all at once' })).status).toBe(200);
  } finally {
    await app.close();
  }
});
