import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
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
  app.post('/early', { onRequest: async (_request, reply) => reply.send('no need to read that') }, async () => '');
  app.post('/file', async (request) => {
    request.giveTime(30);
    let size = 0;
    for await (const part of request.body as AsyncIterable<Buffer>) size += part.length;
    return `taken: ${size}`;
  });
  await app.listen({ port, host: 'localhost' });
  // Where a name has two addresses, Fastify has a server for each.
  const second = createServer(app.routing).listen(0, 'localhost');
  await once(second, 'listening');
  const { port: secondPort } = second.address() as AddressInfo;
  /** Twenty bytes, one each tenth of a second. @returns what came back until the connection ended, and how many were sent by then */
  const drip = (
    path: string,
    type: string,
    { to = port, connection = 'close' } = {},
  ): Promise<{ answer: string; sent: number }> =>
    new Promise((resolve) => {
      const socket = connect(to, 'localhost');
      let answer = '';
      let left = 20;
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\nContent-Type: ${type}\r\nContent-Length: 20\r\n\r\n`,
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
        resolve({ answer, sent: 20 - left });
      });
    });
  try {
    const [short, elsewhere, file] = await Promise.all([
      drip('/short', 'text/plain'),
      drip('/short', 'text/plain', { to: secondPort }),
      drip('/file', 'text/csv'),
    ]);
    for (const { answer } of [short, elsewhere]) expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(file.answer).toMatch(/^HTTP\/1.1 200 /);
    expect(file.answer).toContain('taken: 20');
    // Whoever is answered before their body is there has no more time for it either, and no second answer.
    const early = await drip('/early', 'text/plain', { connection: 'keep-alive' });
    expect(early.answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200']);
    expect(early.sent).toBeLessThan(20);
    expect((await fetch(`http://localhost:${port}/short`, { method: 'POST', body: 'all at once' })).status).toBe(200);
  } finally {
    second.close();
    await app.close();
  }
});
