import { once } from 'node:events';
import { connect } from 'node:net';
import cookie from '@fastify/cookie';
import Fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { person } from '../../src/http/plugins/person.ts';
import { freePort } from '../support/ports.ts';

let app: FastifyInstance;
beforeEach(async () => {
  // Without a log: what writes each request down looks at its address, too.
  app = Fastify({ logger: false });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(cookie);
  await app.register(person, { isSecure: false, timeZone: 'Europe/Amsterdam' });
});
afterEach(() => app.close());

it('speaks the language that was just chosen, also where a route reads only its own part of the address', async () => {
  app.get('/list', { schema: { querystring: z.object({ page: z.string() }) } }, async ({ query, locale, t }) => ({
    query,
    locale,
    title: t('common.error_title'),
  }));
  const english = (await app.inject('/list?page=2&lang=en')).json();
  expect(english).toMatchObject({ query: { page: '2' }, locale: 'en' });
  const dutch = await app.inject({ url: '/list?page=2', headers: { 'accept-language': 'nl' } });
  expect(dutch.json().locale).toBe('nl');
  expect(dutch.json().title).not.toBe(english.title);
  // What a web app asks for (OpenID Connect Core, section 3.1.2.1).
  expect((await app.inject('/list?page=2&ui_locales=en')).json().locale).toBe('en');
});

it('knows where a request came from, also when whoever sent it has gone before somebody asks', async () => {
  const port = await freePort();
  const origin = new Promise((resolve) => {
    app.post('/late', async (request) => {
      await once(request.raw.socket, 'close');
      const { ip, requestId, browser } = request.origin;
      resolve({ ip, requestId, browser });
      return '';
    });
  });
  await app.listen({ port, host: '127.0.0.1' });
  const socket = connect(port, '127.0.0.1');
  socket.end('POST /late HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8\r\nContent-Length: 0\r\n\r\n');
  setTimeout(() => socket.destroy(), 50);
  expect(await origin).toEqual({ ip: '127.0.0.1', requestId: expect.any(String), browser: expect.any(String) });
});
