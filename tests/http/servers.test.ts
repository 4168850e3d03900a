import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { createServers } from '../../src/http/servers.ts';
import { freePort } from '../support/ports.ts';

async function start(longestDrainMs?: number) {
  const servers = createServers(async () => ['127.0.0.1', '127.0.0.2'], longestDrainMs ? { longestDrainMs } : {});
  const app = Fastify({ serverFactory: servers.make, return503OnClosing: false });
  app.get('/', async () => 'here');
  app.get('/late', () => wait(800, 'late'));
  app.get('/large', async () => Buffer.alloc(20_000_000));
  app.get('/never', () => new Promise(() => {}));
  let cut = -1;
  app.addHook('preClose', async () => {
    cut = await servers.drain();
  });
  const port = await freePort();
  await servers.listen(app, { port, host: 'localhost' });
  return { app, port, cut: () => cut };
}
const ask = async (port: number, path: string, host = '127.0.0.1') => {
  const socket = connect(port, host);
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return socket;
};

it('listens at each address of localhost, and a stop waits for the answers of each', async () => {
  const { app, port, cut } = await start();
  const late = [await ask(port, '/late'), await ask(port, '/late', '127.0.0.2')];
  const said = late.map(async (socket) => (await socket.toArray()).join(''));
  await wait(100);
  await app.close();
  for (const answer of await Promise.all(said)) expect(answer).toMatch(/200 OK[\s\S]*late$/);
  expect(cut()).toBe(0);
  for (const host of ['127.0.0.1', '127.0.0.2'])
    await expect(ask(port, '/', host)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

it('ends no answer that is on its way to somebody slow', async () => {
  const { app, port, cut } = await start();
  const slow = await ask(port, '/large');
  slow.once('readable', () => {});
  await wait(200);
  const closed = app.close();
  await wait(1200);
  let length = 0;
  for await (const part of slow) length += (part as Buffer).length;
  expect(length).toBeGreaterThan(20_000_000);
  await closed;
  expect(cut()).toBe(0);
});

it('cuts what does not end', async () => {
  const { app, port, cut } = await start(600);
  const never = await ask(port, '/never');
  never.on('error', () => {});
  await wait(100);
  await app.close();
  expect(cut()).toBe(1);
});
