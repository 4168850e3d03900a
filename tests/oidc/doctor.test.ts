import { createServer } from 'node:http';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { translator } from '../../src/i18n/translate.ts';
import { createOutboundFetch } from '../../src/outbound.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { freePort } from '../support/ports.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, enrolPhone, givePassword, goOn } from '../support/story.ts';
import { WebServer } from '../support/web-server.ts';

let installation: TestInstallation;
let web: WebServer;
let rp: RelyingParty;

beforeAll(async () => {
  installation = await startInstallation({ ADMIN_ACR: 'mfa' });
  web = await WebServer.start();
  const redirectUri = `${web.origin}/callback`;
  const secret = await installation.addClient({
    id: 'app',
    redirectUris: [redirectUri],
    logoutUri: `${web.origin}/logout`,
    startUri: `${web.origin}/start`,
  });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
afterEach(async () => {
  web.answer = undefined;
  await installation.d.database.sql`DELETE FROM client_problem`;
});
afterAll(async () => {
  await installation.close();
  web.close();
});

/** The app sends people to us with this request, after a stop at its own sign-in page. */
async function appAsks(change: (url: URL) => void = () => {}, date = new Date()): Promise<void> {
  const url = new URL((await rp.request()).url);
  change(url);
  const headers = { date: date.toUTCString() };
  web.answer = (path) => {
    if (path === '/start')
      return { status: 302, headers: { ...headers, location: '/login', 'set-cookie': 'a=b; Path=/' } };
    if (path === '/login') return { status: 302, headers: { ...headers, location: url.href } };
    return path === '/logout' ? { status: 400, headers } : undefined;
  };
}

const t = translator('nl');
/** What the doctor says that is not good, in words. */
async function complaints(id = 'app', startUri?: string): Promise<string[]> {
  const findings = (await installation.d.clientDoctor.check(id, startUri))!.findings;
  return findings.filter(({ level }) => level !== 'good').map(({ name, facts }) => t(`doctor.${name}`, facts as never));
}

describe('the doctor for web apps', () => {
  it('finds nothing wrong with an app that is right, by going where a person goes', async () => {
    await appAsks();
    expect(await complaints()).toEqual([]);
    const findings = (await installation.d.clientDoctor.check('app'))!.findings;
    expect(findings.map(({ name }) => name)).toEqual(['registration_ok', 'start_ok', 'logout_ok', 'problem_none']);
    const login = web.received.find(({ path }) => path === '/login');
    expect(login!.headers.cookie).toBe('a=b');
  });

  it.each([
    [
      'another redirect address',
      (url: URL) => url.searchParams.set('redirect_uri', 'https://app.example.org/x'),
      'letter voor letter',
    ],
    ['no PKCE', (url: URL) => url.searchParams.delete('code_challenge'), 'geen PKCE'],
    ['plain PKCE', (url: URL) => url.searchParams.set('code_challenge_method', 'plain'), 'plain'],
    ['another client', (url: URL) => url.searchParams.set('client_id', 'appp'), '‘appp’'],
    ['another response type', (url: URL) => url.searchParams.set('response_type', 'token'), 'response_type'],
    ['no openid', (url: URL) => url.searchParams.set('scope', 'email'), 'openid'],
    ['no state', (url: URL) => url.searchParams.delete('state'), 'state'],
  ])('says that an app asks with %s', async (_what, change, words) => {
    await appAsks(change);
    const said = await complaints();
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(words);
  });

  it('says that the app’s clock is wrong', async () => {
    await appAsks(undefined, new Date(Date.now() - 5 * 60_000));
    expect((await complaints())[0]).toMatch(/klok van localhost:\d+ loopt -\d+ seconden verschil/);
  });

  it('says that an address does not answer, is wrong, or is inside the network', async () => {
    await appAsks();
    const there = web.answer!;
    web.answer = (path) => (path === '/logout' ? { status: 404 } : there(path));
    expect((await complaints())[0]).toContain('antwoordt met status 404');
    web.answer = (path) => (path === '/start' ? { status: 200, body: 'hello' } : there(path));
    expect((await complaints())[0]).toContain('stuurt niet door naar ons');
    await installation.d.clientRegistration.change(
      'app',
      { logoutUri: `http://localhost:${await freePort()}/logout` },
      { actor: 'test', origin: 'test' },
    );
    await appAsks();
    expect((await complaints())[0]).toContain('ECONNREFUSED');
    const closed = await startInstallation({ PUBLIC_URL: 'https://login.example.org' });
    await closed.addClient({
      id: 'inside',
      redirectUris: ['https://app.example.org/'],
      logoutUri: `${web.origin}/logout`,
    });
    const said = (await closed.d.clientDoctor.check('inside'))!.findings.map(({ name }) => name);
    expect(said).toContain('address_private');
    await closed.close();
    await installation.d.clientRegistration.change(
      'app',
      { logoutUri: `${web.origin}/logout` },
      { actor: 'test', origin: 'test' },
    );
  });

  it('tells what went wrong at real sign-ins, with a reference that finds the log line', async () => {
    await appAsks();
    const laptop = new Laptop();
    const wrong = new URL((await rp.request()).url);
    wrong.searchParams.set('redirect_uri', 'https://elsewhere.example.org/');
    await laptop.open(wrong.href);
    const person = await addEnrolledPerson(installation, new Laptop(), rp);
    await installation.d.database.sql`DELETE FROM challenge`;
    const request = await givePassword(laptop, rp, person);
    const landed = (await approveAndGoOn(laptop, person.phone, rp)).url;
    const badSecret = await RelyingParty.discover(installation.url, 'app', 'wrong', rp.redirectUri);
    await expect(badSecret.redeem(request, landed)).rejects.toThrow();
    await expect(rp.redeem({ ...request, codeVerifier: oidc.randomPKCECodeVerifier() }, landed)).rejects.toThrow();
    await expect.poll(async () => (await complaints()).length).toBe(3);
    const said = (await complaints()).join('\n');
    expect(said).toContain('https://elsewhere.example.org/');
    expect(said).toContain('bewees zich verkeerd');
    expect(said).toContain('PKCE');
    const references = [...said.matchAll(/Kenmerk ([\da-f]{16})\./g)].map(([, reference]) => reference!);
    expect(references).toHaveLength(3);
    for (const reference of references)
      expect(installation.logLines.some((line) => line.includes(reference))).toBe(true);
    // Ten thousand mistakes of one kind are one row.
    for (let time = 0; time < 5; time += 1) await laptop.open(wrong.href);
    await expect
      .poll(
        async () =>
          (await installation.d.database.sql`SELECT count FROM client_problem WHERE route = 'authorization'`)[0],
      )
      .toEqual({ count: 6 });
  });

  it('knows no web app that is not there, and says where it does not know', async () => {
    expect(await installation.d.clientDoctor.check('nobody')).toBeUndefined();
    await installation.addClient({ id: 'plain', redirectUris: ['https://app.example.org/'] });
    const names = (await installation.d.clientDoctor.check('plain'))!.findings.map(({ name }) => name);
    expect(names).toEqual(['registration_ok', 'start_unknown', 'logout_unknown', 'problem_none']);
  });
});

describe('what a web app or a stranger sends', () => {
  it('is told on one line, without anything that a terminal would act on', async () => {
    const wrong = new URL((await rp.request()).url);
    wrong.searchParams.set('redirect_uri', 'https://elsewhere.example.org/\u001b[31m\r\n\u0007red');
    await new Laptop().open(wrong.href);
    await expect
      .poll(async () => (await installation.d.clientProblems.of('app', new Date(0)))[0]?.redirectUri)
      .toMatch(/^https:\/\/elsewhere\.example\.org\/[^\p{Cc}]*red$/u);
  });

  it('is read no further than anybody needs: a page that never ends, ends', async () => {
    let isGone = false;
    const endless = createServer((_request, response) => {
      const more = (): void => {
        while (!isGone && response.write('x'.repeat(16_384)));
        if (!isGone) response.once('drain', more);
      };
      response.once('close', () => {
        isGone = true;
      });
      more();
    });
    await new Promise<void>((resolve) => endless.listen(0, 'localhost', resolve));
    const url = `http://localhost:${(endless.address() as { port: number }).port}/`;
    expect((await complaints('app', url))[0]).toContain('stuurt niet door naar ons');
    await expect.poll(() => isGone).toBe(true);
    endless.close();
  });

  it('is not called where its name leads into the network, whichever way that is written', async () => {
    const send = createOutboundFetch([]);
    for (const host of [
      'localhost',
      '127.0.0.1',
      '[::1]',
      '0x7f.1',
      '2130706433',
      '[::ffff:10.0.0.1]',
      '169.254.169.254',
    ])
      await expect(send(`http://${host}:${new URL(web.origin).port}/`), host).rejects.toThrow('private address');
    await expect(send('http://nowhere.invalid/')).rejects.toThrow('the name is not known');
    expect((await createOutboundFetch(['localhost'])(`${web.origin}/start`)).status).toBe(200);
  });
});

describe('its page', () => {
  it('is for administrators alone', async () => {
    await appAsks();
    const enter = async (role?: 'administrator') => {
      const { account, ...who } = await installation.addPerson(undefined, role ? { role } : {});
      const laptop = new Laptop();
      await givePassword(laptop, rp, who);
      await enrolPhone(laptop, installation.url);
      await goOn(laptop, rp);
      await laptop.open(`${installation.url}/admin/clients`);
      return { laptop, account };
    };
    const { laptop: employee } = await enter();
    expect(employee.page.status).toBe(403);
    expect((await employee.open(`${installation.url}/admin/clients/app/check`)).status).toBe(403);
    const { laptop } = await enter('administrator');
    expect(laptop.title).toBe('Webapps');
    await laptop.open(`${installation.url}/admin/clients/app/check`);
    expect(laptop.page.html).toContain('De app stuurt goed naar ons door');
    await laptop.submit('/check', { start: 'javascript:alert(1)' });
    expect(laptop.page.status).toBe(422);
    expect(laptop.page.html).not.toContain('href="javascript:');
    expect((await laptop.open(`${installation.url}/admin/clients/nobody/check`)).status).toBe(404);
  });
});
