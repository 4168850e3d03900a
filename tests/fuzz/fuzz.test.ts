import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiPerson } from '../support/api.ts';
import { Dice, hostileText, nearly } from '../support/hostile.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { enrolPhone, givePassword, goOn } from '../support/story.ts';

/** `FUZZ_SEED=… npx vitest run tests/fuzz` makes the same requests again. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** In each run of the tests, with a seed of its own; `FUZZ_REQUESTS=100000` before a release. */
const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 15_000);
const AT_ONCE = 16;
/** Whoever waits longer hangs. */
const PATIENCE_MS = 20_000;
const MOST_GROWTH_BYTES = 80 * 1024 * 1024;

let installation: TestInstallation;

beforeAll(async () => {
  installation = await startInstallation({
    API_CALLS_PER_MINUTE: '1000000',
    ADMIN_ACR: 'mfa',
    LOG_LEVEL: 'error',
  });
});
afterAll(() => installation.close());

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

/** Sends so many, some at a time; what came of them, by status, and what must not come. */
async function send(
  count: number,
  make: (dice: Dice) => Sent,
  wrong: string[],
  seed: number,
): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let at = next++; at < count; at = next++) {
        const { url, init } = make(new Dice(seed + at));
        const told = `request ${at}: ${init.method} ${url.slice(0, 300)} ${String(init.body ?? '').slice(0, 300)}`;
        try {
          const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS), ...init });
          const text = await answer.text();
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
          if (answer.status >= 500) wrong.push(`${answer.status} ${told}`);
          if (/\bat .+\.ts:\d+|PrismaClient|node_modules/.test(text)) wrong.push(`tells what it is made of: ${told}`);
          const to = answer.headers.get('location');
          if (to && /^(\/\/|\/\\|https?:\/\/evil)/.test(to)) wrong.push(`leads to ${to}: ${told}`);
        } catch (error) {
          wrong.push(`${(error as Error).name} ${(error as Error).cause ?? ''} ${told}`);
        }
      }
    }),
  );
  return statuses;
}

const collect = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

const share = (statuses: Map<number, number>, from: number): number =>
  [...statuses].filter(([status]) => status >= from && status < from + 100).reduce((sum, [, count]) => sum + count, 0) /
  [...statuses.values()].reduce((sum, count) => sum + count, 0);

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema?: object }[];
  readonly body?: object | undefined;
  readonly type?: string | undefined;
}

describe(`hostile requests (FUZZ_SEED=${SEED})`, () => {
  it('to every operation of the API break nothing, fill nothing and hang nowhere', async () => {
    const { api } = await apiPerson(installation, 'owner');
    const document = (await (await fetch(`${installation.url}/api/v1/openapi.json`)).json()) as {
      paths: Record<
        string,
        Record<
          string,
          { parameters?: Operation['parameters']; requestBody?: { content: Record<string, { schema?: object }> } }
        >
      >;
      components: { schemas: Record<string, object> };
    };
    const operations: Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [], requestBody }]) => {
        const [[type, content] = []] = Object.entries(requestBody?.content ?? {});
        return { method: method.toUpperCase(), path, parameters, body: content?.schema, type };
      }),
    );
    expect(operations.length).toBeGreaterThan(50);
    const quick = operations.filter(({ path }) => !/export|verify|\.csv|imports$|what-if/.test(path));
    const ids = await Promise.all([1, 2, 3].map(async () => (await installation.addPerson()).account.id));
    await installation.addClient({ id: 'doel', redirectUris: ['https://app.example.org/'] });
    const make = (dice: Dice): Sent => {
      // Those that read everything there is take their time: a few of them are enough.
      const o = dice.one(dice.chance(0.95) ? quick : operations);
      const value = (schema: object | undefined): string =>
        dice.chance(0.2) ? hostileText(dice) : String(nearly(schema, dice, document.components.schemas));
      const encode = (text: string): string => encodeURIComponent(text.toWellFormed());
      const path = o.path.replace(/\{(\w+)\}/g, (_whole, name: string) =>
        encode(dice.chance(0.7) ? (o.path.includes('/clients') ? 'doel' : dice.one(ids)) : value({ name })),
      );
      const query = o.parameters
        .filter((p) => p.in === 'query' && dice.chance(0.5))
        .map((p) => `${p.name}=${encode(value(p.schema))}`);
      const headers: Record<string, string> = {
        authorization: dice.chance(0.95) ? `Bearer ${api.token}` : `Bearer ${encode(hostileText(dice))}`,
        ...(o.parameters.some((p) => p.name === 'If-Match') ? { 'if-match': dice.one(['*', '"1"', '"x"', '']) } : {}),
        ...(dice.chance(0.1) ? { 'idempotency-key': dice.one(['a', 'b', ' ', 'x'.repeat(300)]) } : {}),
        ...(o.type
          ? { 'content-type': dice.chance(0.95) ? o.type : dice.one(['text/plain', 'application/xml', 'x']) }
          : {}),
      };
      const json = JSON.stringify(nearly(o.body, dice, document.components.schemas));
      const body = o.type === 'text/csv' ? `email,name\n${hostileText(dice)},${hostileText(dice)}` : json;
      const cut = dice.chance(0.05) ? body.slice(0, Math.floor(body.length * dice.roll())) : body;
      return {
        url: `${installation.url}${path}${query.length > 0 ? `?${query.join('&')}` : ''}`,
        init: { method: o.method, headers, ...(o.type ? { body: cut } : {}) },
      };
    };
    const wrong: string[] = [];
    const count = Math.floor(REQUESTS * 0.6);
    await send(Math.floor(count / 4), make, wrong, SEED);
    const before = heap();
    const statuses = await send(count - Math.floor(count / 4), make, wrong, SEED + count);
    expect(wrong.slice(0, 10)).toEqual([]);
    // It reached what it is for: some were taken, some were refused for what they said.
    expect(share(statuses, 200), JSON.stringify([...statuses])).toBeGreaterThan(0.1);
    expect(share(statuses, 400)).toBeGreaterThan(0.3);
    expect(heap() - before).toBeLessThan(MOST_GROWTH_BYTES);
  }, 1_800_000);

  it('to every form, as somebody who may fill it in, break nothing', async () => {
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
    const rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
    const { account, ...who } = await installation.addPerson(undefined, { role: 'owner' });
    const { account: other } = await installation.addPerson();
    const laptop = new Laptop();
    await givePassword(laptop, rp, who);
    await enrolPhone(laptop, installation.url);
    await goOn(laptop, rp);

    // Every form that can be reached by links, but for those that end the session that fills them in.
    const seen = new Set<string>();
    const forms = new Map<string, { action: string; method: string; fields: string[]; hidden: [string, string][] }>();
    const queue = [
      '/admin',
      '/mfa',
      `/admin/people/${other.id}`,
      `/admin/people/${other.id}/reset`,
      '/mfa/sessions',
      '/password',
    ];
    const patternOf = (path: string): string =>
      path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, ':id').replace(/\/\d+(?=\/|$)/g, '/:n');
    while (queue.length > 0 && seen.size < 150) {
      const path = queue.shift()!;
      if (seen.has(patternOf(path)) || /sign-out|\/end|not-me|export|\.csv|progress|events/.test(path)) continue;
      seen.add(patternOf(path));
      await laptop.open(`${installation.url}${path}`, {}, redirectUri);
      for (const [, href] of laptop.page.html.matchAll(/href="(\/(?:admin|mfa|password)[^"#]*)"/g))
        queue.push(href!.replaceAll('&amp;', '&'));
      for (const [whole, action] of laptop.page.html.matchAll(/<form[^>]*action="([^"]*)"[\s\S]*?<\/form>/g)) {
        if (/sign-out|\/end|not-me|logout/.test(action!)) continue;
        const hidden = [...whole.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(
          ([, name, value]) => [name!, value!] as [string, string],
        );
        const fields = [...whole.matchAll(/<(?:input|textarea|select)[^>]* name="([^"]+)"/g)].map(([, name]) => name!);
        const method = /method="get"/.test(whole) ? 'GET' : 'POST';
        const target = action!.replaceAll('&amp;', '&');
        forms.set(patternOf(target), { action: target, method, fields: [...new Set(fields)], hidden });
      }
    }
    expect(forms.size).toBeGreaterThan(20);
    const cookies = (path: string): string =>
      laptop
        .cookies()
        .filter((cookie) => path.startsWith(cookie.split('; Path=')[1]!))
        .map((cookie) => cookie.split('; ')[0])
        .join('; ');
    const all = [...forms.values()];
    const make = (dice: Dice): Sent => {
      const { action, method, fields, hidden } = dice.one(all);
      const kept = hidden.filter(() => dice.chance(0.97));
      const values = fields
        .filter((name) => !hidden.some(([each]) => each === name) && dice.chance(0.85))
        .map(
          (name) => [name, dice.chance(0.6) ? hostileText(dice) : String(nearly({}, dice, {}, 0))] as [string, string],
        );
      // Twice the same name, and one that nobody asked for.
      const more = dice.chance(0.1)
        ? [[dice.one(fields) ?? 'x', 'again'] as [string, string], ['__proto__', '1'] as [string, string]]
        : [];
      const body = new URLSearchParams([...kept, ...values, ...more]);
      const headers = { cookie: cookies(action), 'accept-language': dice.one(['nl', 'en', '*', 'xx;q=9']) };
      return method === 'GET'
        ? { url: `${installation.url}${action.split('?')[0]}?${body}`, init: { method, headers } }
        : {
            url: `${installation.url}${action}`,
            init: { method, headers: { ...headers, origin: installation.url }, body },
          };
    };
    const wrong: string[] = [];
    const statuses = await send(Math.floor(REQUESTS * 0.2), make, wrong, SEED);
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(share(statuses, 200), JSON.stringify([...statuses])).toBeGreaterThan(0.05);
    expect((await installation.d.accounts.byId(account.id))!.role).toBe('owner');
  }, 1_800_000);

  it('to everything that a stranger reaches, break nothing', async () => {
    const paths = [
      '/oidc/auth',
      '/oidc/token',
      '/oidc/token/introspection',
      '/oidc/token/revocation',
      '/oidc/request',
      '/oidc/backchannel',
      '/oidc/device/auth',
      '/oidc/me',
      '/oidc/jwks',
      '/oidc/session/end',
      '/interaction/x',
      '/interaction/x/password',
      '/device',
      '/setup',
      '/password',
      '/app',
      '/app/api/enrol',
      '/app/api/challenges',
      '/scim/v2/Users',
      '/scim/v2/Groups',
      '/scim/v2/Schemas',
      '/csp-reports',
      '/.well-known/openid-configuration',
      '/assets/css/base.css',
      '/health/ready',
      '/mfa/setup/scan',
      '/admin/people',
    ];
    const names = [
      'client_id',
      'redirect_uri',
      'scope',
      'response_type',
      'code',
      'grant_type',
      'token',
      'request',
      'login_hint',
      'id_token_hint',
      'claims',
      'acr_values',
      'max_age',
      'prompt',
      'user_code',
      'resource',
      'ui_locales',
      'state',
      '_csrf',
      'email',
      'filter',
      'count',
      'attributes',
    ];
    const make = (dice: Dice): Sent => {
      const path = dice.chance(0.8) ? dice.one(paths) : `/${encodeURIComponent(hostileText(dice).toWellFormed())}`;
      const pairs = names.filter(() => dice.chance(0.3)).map((name) => [name, hostileText(dice)] as [string, string]);
      const method = dice.one(['GET', 'GET', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']);
      const type = dice.one([
        'application/x-www-form-urlencoded',
        'application/json',
        'application/scim+json',
        'text/csv',
        'multipart/form-data; boundary=a',
        'x',
      ]);
      const text =
        type === 'application/x-www-form-urlencoded'
          ? String(new URLSearchParams(pairs))
          : JSON.stringify(nearly({}, dice, {}, 1));
      const headers = {
        'content-type': type,
        ...(dice.chance(0.3)
          ? {
              authorization: dice.one([
                'Basic Og==',
                'Basic !',
                'Bearer x',
                'DPoP x',
                'Negotiate',
                `Basic ${'a'.repeat(3000)}`,
              ]),
            }
          : {}),
        ...(dice.chance(0.2)
          ? { cookie: dice.one(['portal=x', '_session=x; _session.sig=y', 'form=%', `a=${'b'.repeat(3000)}`]) }
          : {}),
        ...(dice.chance(0.1) ? { dpop: dice.one(['x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.']) } : {}),
        ...(dice.chance(0.1) ? { 'x-forwarded-for': '::1, evil', forwarded: 'for=unknown' } : {}),
      };
      const hasBody = !['GET', 'HEAD'].includes(method);
      return {
        url: `${installation.url}${path}${dice.chance(0.6) ? `?${new URLSearchParams(pairs)}` : ''}`,
        init: { method, headers, ...(hasBody ? { body: text } : {}) },
      };
    };
    const wrong: string[] = [];
    const before = heap();
    const statuses = await send(Math.floor(REQUESTS * 0.2), make, wrong, SEED);
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(statuses.size).toBeGreaterThan(5);
    expect(heap() - before).toBeLessThan(MOST_GROWTH_BYTES);
    // Nobody is left waiting, and the server still works.
    expect((await fetch(`${installation.url}/health/ready`)).status).toBe(200);
    expect((await installation.d.auditIntegrity.verify()).isIntact).toBe(true);
  }, 1_800_000);
});
