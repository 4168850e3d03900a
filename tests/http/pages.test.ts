import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { changeAccount, OPERATOR } from '../support/administration.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, enrolPhone, givePassword } from '../support/story.ts';

let installation: TestInstallation;
let rp: RelyingParty;

beforeAll(async () => {
  installation = await startInstallation({ SUPPORT: 'Helpdesk, 070 000 00 00' });
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', name: 'Zaaksysteem', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
afterEach(() => installation.clock.reset());
afterAll(() => installation.close());

const atSignIn = async (headers?: Record<string, string>) => {
  const laptop = new Laptop(headers);
  await laptop.open((await rp.request()).url);
  return laptop;
};

describe('every answer', () => {
  it('has strict security headers', async () => {
    const laptop = await atSignIn();
    const { headers } = laptop.page;
    const csp = headers.get('content-security-policy')!;
    expect(csp).toContain("default-src 'none'");
    expect(csp).toContain("frame-ancestors 'none'");
    expect(csp).not.toContain('unsafe');
    // A browser checks form-action on the redirect to the web app too.
    expect(csp).toContain(`form-action 'self' ${new URL(rp.redirectUri).origin}`);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('same-origin');
    expect(
      (await fetch(`${installation.url}/mfa`, { redirect: 'manual' })).headers.get('content-security-policy'),
    ).toContain("form-action 'self'");
  });
  it('sets cookies that scripts cannot read, bound to their path', async () => {
    const laptop = await atSignIn();
    const response = await laptop.send((await rp.request()).url);
    for (const cookie of response.headers.getSetCookie()) {
      expect(cookie.toLowerCase()).toContain('httponly');
      expect(cookie.toLowerCase()).toContain('samesite=lax');
    }
  });
  it('over https sets cookies that only https sends', async () => {
    const secure = await startInstallation({ PUBLIC_URL: 'https://id.example.org' });
    const answer = await secure.app.inject({ url: '/', headers: { host: 'id.example.org' } });
    expect(String(answer.headers['set-cookie'])).toMatch(/^__Host-form=.*Secure/);
    // Also where the proxy does not say that it speaks TLS: the public address does.
    const portal = await secure.app.inject({ url: '/mfa/sign-in' });
    expect(String(portal.headers['set-cookie'])).toMatch(/__Host-portal=.*Secure/);
    expect(answer.headers['strict-transport-security']).toContain('max-age=31536000');
    await secure.close();
  });
  it('to a mistake is a page with what to do, or problem details, without a stack', async () => {
    const page = await fetch(`${installation.url}/nowhere`, {
      headers: { accept: 'text/html', 'accept-language': 'en' },
    });
    expect(page.status).toBe(404);
    expect(await page.text()).toContain('This page does not exist');
    const problem = await fetch(`${installation.url}/app/api/nowhere`);
    expect(problem.status).toBe(404);
    expect(problem.headers.get('content-type')).toContain('application/problem+json');
    expect(await problem.json()).toMatchObject({ code: 'not_found', status: 404 });
  });
  it.each([
    ['escapes that are none', '/%zz', 'begrijpen dit verzoek niet'],
    ['bytes that are no text', '/interaction/%ff/code?lang=nl', 'begrijpen dit verzoek niet'],
    ['a name that is too long', `/interaction/${'x'.repeat(2000)}`, 'verlopen'],
  ])('to an address with %s is such a page too', async (_what, path, words) => {
    const page = await fetch(`${installation.url}${path}`, { headers: { accept: 'text/html' } });
    expect(page.status).toBe(400);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.headers.get('cache-control')).toBe('no-store');
    const text = await page.text();
    expect(text).toContain('lang="nl"');
    expect(text).toContain(words);
    const problem = await fetch(`${installation.url}/app/api${path}`);
    expect([400, 404]).toContain(problem.status);
    expect(problem.headers.get('content-type')).toContain('application/problem+json');
  });
});

describe('a form', () => {
  const post = (laptop: Laptop, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    laptop.send(`${laptop.page.url}/password`, { method: 'POST', body: new URLSearchParams(fields), headers });

  it('without its token, with another’s, or from elsewhere is refused and does nothing', async () => {
    const person = await installation.addPerson();
    const laptop = await atSignIn();
    const token = /name="_csrf" value="([^"]+)"/.exec(laptop.page.html)![1]!;
    const foreign = /name="_csrf" value="([^"]+)"/.exec((await atSignIn()).page.html)![1]!;
    expect((await post(laptop, { ...person } as never)).status).toBe(403);
    expect((await post(laptop, { ...person, _csrf: foreign } as never)).status).toBe(403);
    expect((await post(laptop, { ...person, _csrf: token } as never, { origin: 'https://evil.example' })).status).toBe(
      403,
    );
    expect((await post(laptop, { ...person, _csrf: token } as never, { origin: 'null' })).status).toBe(403);
    expect((await post(laptop, { ...person, _csrf: token } as never, { 'sec-fetch-site': 'cross-site' })).status).toBe(
      403,
    );
    const right = await post(laptop, { email: person.email, password: person.password, _csrf: token });
    expect(right.status).toBe(303);
  });
  it('that is too large or of the wrong type gets a page that says so', async () => {
    const laptop = await atSignIn();
    const url = `${laptop.page.url}/password`;
    expect(
      (await laptop.send(url, { method: 'POST', body: new URLSearchParams({ password: 'x'.repeat(40_000) }) })).status,
    ).toBe(413);
    expect(
      (await laptop.send(url, { method: 'POST', body: '<x/>', headers: { 'content-type': 'text/xml' } })).status,
    ).toBe(415);
    expect([400, 403]).toContain(
      (await laptop.send(url, { method: 'POST', body: '{"a":', headers: { 'content-type': 'application/json' } }))
        .status,
    );
    expect([400, 403]).toContain(
      (await laptop.send(url, { method: 'POST', body: '[[[]]]', headers: { 'content-type': 'application/json' } }))
        .status,
    );
  });
  it('with characters that no text has is refused, not failed', async () => {
    const laptop = await atSignIn();
    await laptop.submit('/password', { email: 'a\0b@example.org', password: 'x' });
    expect(laptop.page.status).toBe(400);
    const endpoint = rp.config.serverMetadata().authorization_endpoint!;
    expect((await laptop.open(`${endpoint}?client_id=%00`)).status).toBe(400);
    const request = new URL((await rp.request()).url);
    request.searchParams.set('state', 'a\0b');
    expect((await laptop.open(request.href)).status).toBe(400);
    const posted = await laptop.send(endpoint, { method: 'POST', body: request.searchParams });
    expect(posted.status).toBeLessThan(500);
  });
  it('with nothing in it says what is missing, keeps what was typed, and counts no try', async () => {
    const laptop = await atSignIn();
    await laptop.submit('/password', { email: 'iemand@example.org', password: '' });
    expect(laptop.page.status).toBe(422);
    expect(laptop.page.html).toContain('Vul uw wachtwoord in.');
    expect(laptop.page.html).toContain('value="iemand@example.org"');
    expect(laptop.page.html).toContain('aria-invalid="true"');
  });
});

describe('a stranger', () => {
  it('reads the same words for an unknown account as for a wrong password, also when they must wait', async () => {
    const person = await installation.addPerson();
    const suspended = await installation.addPerson();
    await changeAccount(installation, suspended.account.id, { status: 'suspended' });
    const transcript = async (email: string, password: string) => {
      const laptop = await atSignIn();
      const seen: string[] = [];
      for (let attempt = 0; attempt < 7; attempt += 1) {
        await laptop.submit('/password', { email, password });
        const text = laptop.page.html
          .replaceAll(email, 'E')
          .replace(/value="[^"]*"/g, '')
          .replace(/challenge&quot;:&quot;[\w-]+/g, '')
          .replace(/interaction\/[\w-]+/g, '')
          .replace(/\d+ seconden/, 'N seconden');
        seen.push(`${laptop.page.status} ${text}`);
      }
      return seen;
    };
    const wrong = await transcript(person.email, 'a wrong password');
    expect(wrong[0]).toContain('Het e-mailadres of het wachtwoord klopt niet.');
    expect(wrong[6]).toMatch(/^429 [\s\S]*Wacht nog N seconden/);
    expect(await transcript('nobody@example.org', 'a wrong password')).toEqual(wrong);
    expect(await transcript(suspended.email, suspended.password)).toEqual(wrong);
  });
  it('cannot guess past the wait with the right password, and the wait ends', async () => {
    const person = await installation.addPerson();
    const laptop = await atSignIn();
    for (let attempt = 0; attempt < 5; attempt += 1)
      await laptop.submit('/password', { email: person.email, password: 'wrong' });
    await laptop.submit('/password', person);
    expect(laptop.page.status).toBe(429);
    expect(Number(laptop.page.headers.get('retry-after'))).toBeGreaterThan(0);
    installation.clock.advance(31);
    await laptop.submit('/password', person);
    expect(laptop.title).toBe('Meer informatie vereist');
    installation.clock.advance(-31);
  });
  it('after fifty failures in a row has disabled the password, and the owner’s own is refused too', async () => {
    const person = await installation.addPerson();
    const laptop = await atSignIn();
    const path = new URL(laptop.page.url).pathname.split('/').at(-1)!;
    for (let attempt = 0; attempt < 50; attempt += 1) {
      await installation.d.signIn.password(path, person.email, 'wrong', { ip: '127.0.0.1', browser: '' });
      installation.clock.advance(3601);
    }
    expect(
      await installation.d.signIn.password(path, person.email, person.password, { ip: '127.0.0.1', browser: '' }),
    ).toMatchObject({ ok: false, refusal: { code: 'wrong_credentials' } });
    // The helpdesk's new password works at once.
    const fresh = 'zeven gele kanaries';
    await installation.d.administration.setPassword(person.email, fresh, OPERATOR);
    installation.clock.reset();
    const again = await atSignIn();
    await again.submit('/password', { email: person.email, password: fresh });
    expect(again.title).toBe('Meer informatie vereist');
    expect(
      await installation.d.auditStore.list({
        action: 'authenticator.disabled',
        accountId: person.account.id,
        limit: 5,
      }),
    ).toHaveLength(1);
  });
});

describe('the language', () => {
  it('is Dutch, unless the browser, the web app or the person wants English', async () => {
    expect((await atSignIn({ 'accept-language': 'de' })).title).toBe('Aanmelden');
    expect((await atSignIn({ 'accept-language': 'en-GB' })).title).toBe('Sign in');
    const laptop = new Laptop();
    await laptop.open((await rp.request({ ui_locales: 'en' })).url);
    expect(laptop.title).toBe('Sign in');
    const chosen = await atSignIn();
    await chosen.open(`${chosen.page.url}?lang=en`);
    expect(chosen.title).toBe('Sign in');
    await chosen.open((await rp.request()).url);
    expect(chosen.title).toBe('Sign in');
    expect(chosen.page.html).toContain('lang="en"');
  });
  it('keeps support in sight where people get stuck', async () => {
    expect((await atSignIn()).page.html).toContain('Hulp nodig? Helpdesk, 070 000 00 00');
  });
});

describe('health', () => {
  it('is live, and ready while the database answers', async () => {
    expect(await (await fetch(`${installation.url}/health/live`)).json()).toEqual({ status: 'live' });
    expect(await (await fetch(`${installation.url}/health/ready`)).json()).toEqual({ status: 'ready' });
  });
});

describe('a server that stops', () => {
  it('ends the streams on which phones wait, and closes', async () => {
    const stopping = await startInstallation();
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await stopping.addClient({ id: 'app', redirectUris: [redirectUri] });
    const party = await RelyingParty.discover(stopping.url, 'app', secret, redirectUri);
    const person = await addEnrolledPerson(stopping, new Laptop(), party);
    const path = '/app/api/events';
    const stream = await fetch(stopping.url + path, { headers: { dpop: await person.phone.proof('GET', path) } });
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    let heard = '';
    while (!heard.includes('event: ready')) heard += (await reader.read()).value;
    // Something happens to the account: the phone hears of it.
    await givePassword(new Laptop(), party, person);
    while (!heard.includes('event: changed')) heard += (await reader.read()).value;
    // A phone has a few streams at most: the oldest makes room.
    for (let more = 0; more < 5; more += 1) {
      await fetch(stopping.url + path, { headers: { dpop: await person.phone.proof('GET', path) } });
    }
    for (;;) if ((await reader.read()).done) break;
    const newest = await fetch(stopping.url + path, { headers: { dpop: await person.phone.proof('GET', path) } });
    const closed = stopping.close();
    await newest.text();
    await closed;
  });
});

describe('the first administrator', () => {
  it('is made by a link that works once, and only while there is none', async () => {
    const fresh = await startInstallation();
    const code = (await fresh.d.administration.inviteFirstAdministrator())!;
    const laptop = new Laptop();
    await laptop.open(`${fresh.url}/setup?code=${code}`);
    expect(laptop.title).toBe('De eerste beheerder');
    const english = /href="(\/setup\?[^"]+lang=en)"/.exec(laptop.page.html)![1]!.replaceAll('&amp;', '&');
    await laptop.open(fresh.url + english);
    expect(laptop.title).toBe('The first administrator');
    await laptop.open(`${fresh.url}/setup?code=${code}&lang=nl`);
    await laptop.submit('/setup', { name: 'Beheer', email: 'beheer@example.org', password: 'welkom01' });
    expect(laptop.page.status).toBe(422);
    expect(laptop.page.html).toContain('Dit wachtwoord wordt te vaak gebruikt');
    expect(laptop.page.html).toContain('value="beheer@example.org"');
    await laptop.submit('/setup', { name: 'Beheer', email: 'beheer@example.org', password: 'twaalf groene stoelen' });
    expect(laptop.title).toBe('Het account is gemaakt');
    expect((await fresh.d.accounts.byEmail('beheer@example.org'))!.role).toBe('owner');
    expect((await laptop.open(`${fresh.url}/setup?code=${code}`)).status).toBe(410);
    expect(await fresh.d.administration.inviteFirstAdministrator()).toBeUndefined();
    expect((await laptop.open(`${fresh.url}/setup?code=nonsense`)).status).toBe(410);
    await fresh.close();
  });
});

describe('one’s own page', () => {
  it('shows what one signs in with, and a second phone is added only after a fresh sign-in', async () => {
    const person = await addEnrolledPerson(installation, new Laptop(), rp);
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    await approveAndGoOn(laptop, person.phone, rp);
    await laptop.open(`${installation.url}/mfa`);
    expect(laptop.title).toBe('Mijn aanmeldgegevens');
    await laptop.submit('/mfa/add');
    expect(laptop.title).toBe('Kies hoe u zich aanmeldt');
    await laptop.open(`${installation.url}/mfa`);
    installation.clock.advance(601);
    await laptop.submit('/mfa/add');
    // max_age is oidc-provider's own clock; ours says that ten minutes are over, so the wizard stays closed.
    expect(laptop.title).not.toBe('Kies hoe u zich aanmeldt');
    installation.clock.advance(-601);
  });
  it('is closed at once when the OP session ends', async () => {
    const person = await addEnrolledPerson(installation, new Laptop(), rp);
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    await approveAndGoOn(laptop, person.phone, rp);
    await laptop.open(`${installation.url}/mfa`);
    expect(laptop.title).toBe('Mijn aanmeldgegevens');
    await installation.d.opSessions.revokeAll(person.accountId, new Date());
    await laptop.open(`${installation.url}/mfa`);
    expect(laptop.title).toBe('Aanmelden');
  });
  it('takes no answer of a sign-in that it did not start', async () => {
    const laptop = new Laptop();
    await laptop.open(`${installation.url}/mfa/callback?state=made-up`);
    expect(laptop.title).toBe('Aanmelden');
  });
});

describe('the log', () => {
  it('holds no password, code, token, cookie or query of anything that happened here', async () => {
    const person = await installation.addPerson();
    const laptop = new Laptop();
    const request = await givePassword(laptop, rp, person);
    const phone = await enrolPhone(laptop, installation.url);
    const codes = laptop.recoveryCodes;
    const path = /href="(\/interaction\/[^"]+)"/.exec(laptop.page.html)![1]!;
    const landed = await laptop.open(installation.url + path, {}, rp.redirectUri);
    const tokens = await rp.redeem(request, landed.url);
    const log = installation.logLines.join('\n');
    expect(log.length).toBeGreaterThan(1000);
    const secrets = [
      person.password,
      ...codes,
      tokens.access_token,
      tokens.id_token!,
      new URL(landed.url).searchParams.get('code')!,
      request.state,
      request.nonce,
      laptop.cookie('op')!,
      laptop.cookie('binding')!,
      phone.thumbprint,
    ];
    for (const secret of secrets) expect(log).not.toContain(secret);
  });
});
