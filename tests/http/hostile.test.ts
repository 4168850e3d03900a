import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';

let installation: TestInstallation;
let port: number;

beforeAll(async () => {
  installation = await startInstallation();
  port = Number(new URL(installation.url).port);
});
afterAll(() => installation.close());

/** Bytes as they are, and all that comes back until the other side ends, or says nothing for a while. */
function raw(bytes: string | readonly string[], patienceMs = 5000): Promise<{ answers: string[]; isEnded: boolean }> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, 'localhost', async () => {
      for (const part of [bytes].flat()) socket.write(part);
    });
    const done = (isEnded: boolean) => {
      socket.destroy();
      resolve({ answers: text.match(/HTTP\/1\.1 \d{3}/g) ?? [], isEnded });
    };
    socket.setTimeout(patienceMs, () => done(false));
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('end', () => done(true));
    socket.on('error', () => done(true));
  });
}
const HOST = 'Host: localhost\r\n';
const SECOND = `GET /health/live HTTP/1.1\r\n${HOST}\r\n`;

describe('a request that two servers could read in two ways', () => {
  const body = (headers: string, rest: string) =>
    `POST /csp-reports HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n${headers}\r\n${rest}`;
  it.each([
    ['both a length and chunks', body('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SECOND}`)],
    ['chunks, and then a length', body('Transfer-Encoding: chunked\r\nContent-Length: 6\r\n', `0\r\n\r\n${SECOND}`)],
    ['two lengths', body('Content-Length: 0\r\nContent-Length: 40\r\n', SECOND)],
    ['two lengths in one line', body('Content-Length: 0, 40\r\n', SECOND)],
    ['a length with a sign', body('Content-Length: +0\r\n', SECOND)],
    ['a length that is no number', body('Content-Length: 0x0\r\n', SECOND)],
    ['an encoding nobody knows', body('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${SECOND}`)],
    ['chunked, but not last', body('Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${SECOND}`)],
    ['chunked in an odd place', body('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${SECOND}`)],
    ['a chunk’s size with a sign', body('Transfer-Encoding: chunked\r\n', `-1\r\n\r\n${SECOND}`)],
    ['a chunk’s size past all numbers', body('Transfer-Encoding: chunked\r\n', `fffffffffffffffff\r\n${SECOND}`)],
    ['a chunk that is longer than it says', body('Transfer-Encoding: chunked\r\n', `1\r\nxx\r\n0\r\n\r\n${SECOND}`)],
    [
      'a header on two lines',
      `GET /health/live HTTP/1.1\r\n${HOST}X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n${SECOND}`,
    ],
    ['a header with a bare carriage return', `GET /health/live HTTP/1.1\r\n${HOST}X-A: b\rX-B: c\r\n\r\n${SECOND}`],
    ['no host', `GET /health/live HTTP/1.1\r\n\r\n${SECOND}`],
    ['two hosts', `GET /health/live HTTP/1.1\r\n${HOST}Host: evil.example\r\n\r\n`],
    ['another protocol', `GET /health/live HTTP/9.9\r\n${HOST}\r\n${SECOND}`],
    ['a method nobody knows', `GEET /health/live HTTP/1.1\r\n${HOST}\r\n${SECOND}`],
    ['nothing of HTTP', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003'],
  ])('is refused, and nothing after it is read: %s', async (_name, bytes) => {
    const { answers, isEnded } = await raw(bytes);
    expect(answers.length).toBeLessThanOrEqual(1);
    expect(answers.filter((line) => !/ 4\d\d$/.test(line))).toEqual([]);
    expect(isEnded).toBe(true);
  });

  it('reads two that are well formed', async () => {
    expect((await raw(SECOND + SECOND, 3000)).answers).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
  });

  it('has no TRACE, and unpacks no body', async () => {
    const trace = await raw(`TRACE / HTTP/1.1\r\n${HOST}Connection: close\r\nX-Secret: s\r\n\r\n`);
    expect(trace.answers[0]).toMatch(/ 40[45]$/);
    const ask = async (body: string | Buffer, encoding?: string) => {
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        ...(encoding && { 'content-encoding': encoding }),
      };
      const answer = await fetch(`${installation.url}/oidc/token`, {
        method: 'POST',
        headers,
        body: new Uint8Array(Buffer.from(body)),
      });
      return (await answer.json()) as { error: string; error_description?: string };
    };
    const plain = 'grant_type=refresh_token&refresh_token=x&client_id=nobody';
    expect(await ask(plain)).toMatchObject({ error: 'invalid_client' });
    expect(await ask(gzipSync(plain), 'gzip')).toMatchObject({ error: 'invalid_request' });
  });

  it('takes no more headers than anybody needs', async () => {
    const long = await raw(`GET /health/live HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(20_000)}\r\n\r\n`);
    expect(long).toEqual({ answers: ['HTTP/1.1 431'], isEnded: true });
    const many = `GET /health/live HTTP/1.1\r\n${HOST}${'X-A: b\r\n'.repeat(3000)}\r\n`;
    expect(await raw(many)).toEqual({ answers: ['HTTP/1.1 431'], isEnded: true });
    const path = `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`;
    expect((await raw(path)).answers[0]).toMatch(/ 4\d\d$/);
  });
});

describe('a host that is not ours', () => {
  it('is reflected nowhere: every address that we give is of PUBLIC_URL', async () => {
    for (const path of [
      '/admin',
      '/mfa',
      '/setup?code=x',
      '/.well-known/openid-configuration',
      '/oidc/auth?client_id=x',
      '/interaction/x',
      '/scim/v2/Users',
      '/api/v1/openapi.json',
      '/nergens',
    ]) {
      const evil = `GET ${path} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nForwarded: host=evil.example\r\nConnection: close\r\n\r\n`;
      const text = await new Promise<string>((resolve) => {
        let all = '';
        const socket = connect(port, 'localhost', () => socket.write(evil));
        socket.on('data', (chunk) => (all += chunk.toString()));
        socket.on('close', () => resolve(all));
      });
      expect(text, path).toMatch(/^HTTP\/1\.1 \d/);
      expect(text.toLowerCase(), path).not.toContain('evil.example');
    }
  });
});

describe('a page elsewhere', () => {
  it('reads nothing of ours, and shares no window or process with it', async () => {
    const origin = 'https://evil.example';
    for (const path of [
      '/mfa',
      '/admin',
      '/api/v1/accounts',
      '/app/api/requests',
      '/oidc/token',
      '/oidc/me',
      '/scim/v2/Users',
    ]) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const { headers } = await fetch(`${installation.url}${path}`, {
          method,
          redirect: 'manual',
          headers: {
            origin,
            'access-control-request-method': 'GET',
            'access-control-request-headers': 'authorization',
          },
        });
        // oidc-provider lets anybody read a mistake, and what is given only whom it may: below.
        if (!path.startsWith('/oidc'))
          expect(headers.get('access-control-allow-origin'), `${method} ${path}`).toBeNull();
        expect(headers.get('access-control-allow-credentials'), path).toBeNull();
      }
    }
    const secret = await installation.addClient({ id: 'robot', profile: 'machine' });
    const ask = (headers: Record<string, string>) =>
      fetch(`${installation.url}/oidc/token`, {
        method: 'POST',
        headers: { ...headers, authorization: `Basic ${Buffer.from(`robot:${secret}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
    expect((await ask({})).status).toBe(200);
    expect(await (await ask({ origin })).json()).toMatchObject({ error: 'invalid_request' });
    const { headers } = await fetch(`${installation.url}/mfa`, { redirect: 'manual' });
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  });
});

describe('what a browser refused', () => {
  const send = (type: string, body: string) =>
    fetch(`${installation.url}/csp-reports`, { method: 'POST', headers: { 'content-type': type }, body });
  const told = () =>
    installation.logLines.filter((line) => line.includes('a browser refused')).map((line) => JSON.parse(line));

  it('is in the log, in both shapes, without what an address may carry', async () => {
    const page = `${installation.url}/setup?code=een-geheime-code`;
    const old = {
      'csp-report': {
        'document-uri': page,
        'effective-directive': 'img-src',
        'blocked-uri': 'https://x.example/a?b=c',
      },
    };
    expect((await send('application/csp-report', JSON.stringify(old))).status).toBe(204);
    const fresh = [
      {
        type: 'csp-violation',
        body: { documentURL: page, effectiveDirective: 'script-src-elem', blockedURL: 'inline' },
      },
    ];
    expect((await send('application/reports+json', JSON.stringify(fresh))).status).toBe(204);
    expect(told()).toMatchObject([
      { directive: 'img-src', blocked: 'https://x.example/a', page: `${installation.url}/setup` },
      { directive: 'script-src-elem', blocked: 'inline', page: `${installation.url}/setup` },
    ]);
    expect(installation.logLines.join('')).not.toContain('een-geheime-code');
  });

  it('fills no log, and nonsense is answered as a report is', async () => {
    const before = told().length;
    const many = Array.from({ length: 500 }, () => ({ body: { effectiveDirective: 'x\n"level":60', documentURL: 7 } }));
    await send('application/reports+json', JSON.stringify(many.slice(0, 100)));
    for (const body of ['', '{', 'null', '[]', '[null]', '{"csp-report":[]}', '{"csp-report":7}', '[{"body":{}}]'])
      expect((await send('application/csp-report', body)).status, body).toBe(204);
    expect(told().length - before).toBeLessThanOrEqual(20);
    expect((await send('application/reports+json', JSON.stringify('x'.repeat(20_000)))).status).toBe(413);
    expect((await send('text/html', '<p>')).status).toBe(415);
  });
});
