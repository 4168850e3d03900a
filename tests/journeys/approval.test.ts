import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compactVerify, importJWK } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OPERATOR, resetAccount } from '../support/administration.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { Phone } from '../support/phone.ts';
import { PushService } from '../support/push-service.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, type Enrolled, enrolPhone, givePassword, goOn } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

let installation: TestInstallation;
let rp: RelyingParty;
let push: PushService;
let person: Enrolled;

beforeAll(async () => {
  push = await PushService.start();
  installation = await startInstallation({}, { testPushOrigin: push.origin });
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', name: 'Zaaksysteem', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
  await installation.addPerson('eigenaar@example.org', { role: 'owner' });
});
afterAll(async () => {
  await installation.close();
  push.close();
});
beforeEach(async () => {
  person = await addEnrolledPerson(installation, new Laptop(), rp);
});

/** A laptop that waits for the phone. */
async function waiting() {
  const laptop = new Laptop();
  const request = await givePassword(laptop, rp, person);
  const [challenge] = await person.phone.challenges();
  return { laptop, request, challenge: challenge!, number: laptop.number, here: laptop.page.url };
}
const wrong = (number: string) => (number === '00' ? '01' : '00');
const events = (action: string) => installation.d.auditStore.list({ action, accountId: person.accountId, limit: 10 });

describe('a challenge', () => {
  it('tells the phone who asks, from where and when, and never the number', async () => {
    const { challenge, number } = await waiting();
    expect(challenge.context).toMatchObject({
      purpose: 'sign_in',
      client: 'Zaaksysteem',
      browser: 'Firefox, Windows',
      place: null,
    });
    expect(challenge.context.ip).toMatch(/^(127\.0\.0\.1|::1)$/);
    expect(JSON.stringify(challenge)).not.toContain(`"${number}"`);
    expect(Object.keys(challenge)).not.toContain('code');
  });
  it('is replaced by the next one of the same account', async () => {
    const first = await waiting();
    const second = await waiting();
    expect(await person.phone.challenges()).toHaveLength(1);
    expect(await person.phone.answer(first.challenge, 'approve', { number: first.number })).toMatchObject({
      status: 409,
      body: { code: 'challenge_closed' },
    });
    expect((await approveAndGoOn(second.laptop, person.phone, rp)).url).toContain('code=');
  });
  it('expires after two minutes and offers a new one', async () => {
    const { laptop, challenge, number, here } = await waiting();
    installation.clock.advance(121);
    person.phone.clockOffset = 121;
    expect(await person.phone.answer(challenge, 'approve', { number })).toMatchObject({
      status: 410,
      body: { code: 'challenge_expired' },
    });
    await laptop.open(here);
    expect(laptop.title).toBe('Het verzoek is verlopen');
    await laptop.submit('/approve');
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    expect((await approveAndGoOn(laptop, person.phone, rp)).url).toContain('code=');
    installation.clock.advance(-121);
  });
  it('that was approved is used by its own sign-in only, within ten minutes', async () => {
    const { laptop, here } = await waiting();
    const other = new Laptop();
    await other.open((await rp.request()).url);
    await person.phone.approve(laptop.number);
    installation.clock.advance(601);
    await laptop.open(here, {}, rp.redirectUri);
    expect(laptop.page.url).not.toContain('code=');
    installation.clock.advance(-601);
  });
  it('shown once opens one sign-in, also when the page is asked five times at once', async () => {
    const { laptop, here } = await waiting();
    await person.phone.approve(laptop.number);
    await together(5, () => laptop.send(here).then((response) => response.arrayBuffer()));
    expect(await events('challenge.used')).toHaveLength(1);
  });
});

describe('an answer', () => {
  it('is kept as evidence: signed by the phone’s key over what was shown', async () => {
    const { laptop, challenge, number } = await waiting();
    await person.phone.answer(challenge, 'approve', { number });
    const [event] = await events('challenge.approved');
    const { evidence, key, context } = event!.detail as { evidence: string; key: object; context: object };
    const { payload } = await compactVerify(evidence, await importJWK(key as never, 'ES256'));
    expect(JSON.parse(new TextDecoder().decode(payload))).toMatchObject({
      challenge: challenge.id,
      decision: 'approve',
      number,
      aud: installation.url,
    });
    expect(context).toEqual(challenge.context);
    expect(event).toMatchObject({
      object: `challenge:${challenge.id}`,
      result: 'success',
      actor: expect.stringMatching(/^authenticator:/),
      at: expect.any(Date),
    });
    expect(laptop.title).toBe('Bevestig op uw telefoon');
  });
  it('by another key is refused', async () => {
    const { challenge, number } = await waiting();
    const stranger = await addEnrolledPerson(installation, new Laptop(), rp);
    // Signed by the stranger, sent by the stranger; and signed by the stranger, sent with the right phone's proof.
    expect(await stranger.phone.answer(challenge, 'approve', { number })).toMatchObject({
      status: 404,
      body: { code: 'challenge_unknown' },
    });
    const forged = await stranger.phone.signAnswer(challenge, 'approve', { number });
    expect(
      await person.phone.call('POST', `/app/api/challenges/${challenge.id}/answer`, { answer: forged }),
    ).toMatchObject({ status: 422, body: { code: 'answer_invalid' } });
    expect(await person.phone.challenges()).toHaveLength(1);
  });
  it('for another challenge, another server or another context is refused', async () => {
    const { challenge, number } = await waiting();
    for (const change of [
      { challenge: 'another' },
      { aud: 'https://evil.example' },
      { context: 'AAAA' },
      { decision: 'maybe' },
      { number: 12 },
      { extra: true },
    ]) {
      const answer = await person.phone.signAnswer(challenge, 'approve', { number }, change);
      const refused = await person.phone.call('POST', `/app/api/challenges/${challenge.id}/answer`, { answer });
      expect(refused, JSON.stringify(change)).toMatchObject({ status: 422, body: { code: 'answer_invalid' } });
    }
  });
  it('sent a second time changes nothing', async () => {
    const { laptop, challenge, number, here } = await waiting();
    const answer = await person.phone.signAnswer(challenge, 'approve', { number });
    const path = `/app/api/challenges/${challenge.id}/answer`;
    const proof = await person.phone.proof('POST', path);
    expect((await person.phone.call('POST', path, { answer }, proof)).status).toBe(200);
    expect(await person.phone.call('POST', path, { answer }, proof)).toMatchObject({
      status: 401,
      body: { code: 'proof_replayed' },
    });
    expect(await person.phone.call('POST', path, { answer })).toMatchObject({
      status: 409,
      body: { code: 'challenge_closed' },
    });
    expect((await laptop.open(here, {}, rp.redirectUri)).url).toContain('code=');
    expect(
      (await events('challenge.approved')).filter(({ object }) => object === `challenge:${challenge.id}`),
    ).toHaveLength(1);
  });
  it('approve and deny at once: the first wins', async () => {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await installation.d.database.sql`DELETE FROM challenge`;
      const { challenge, number } = await waiting();
      const results = fulfilled(
        await together(2, (index) =>
          person.phone.answer(challenge, index ? 'deny' : 'approve', index ? {} : { number }),
        ),
      );
      expect(results.filter(({ status }) => status === 200)).toHaveLength(1);
    }
  });
});

describe('the number', () => {
  it('may be wrong twice; the third time the sign-in has ended', async () => {
    const { laptop, challenge, number, here } = await waiting();
    for (const triesLeft of [2, 1, 0]) {
      expect(await person.phone.answer(challenge, 'approve', { number: wrong(number) })).toMatchObject({
        status: 422,
        body: { code: 'wrong_number', triesLeft },
      });
    }
    expect(await person.phone.answer(challenge, 'approve', { number })).toMatchObject({ status: 409 });
    await laptop.open(here);
    expect(laptop.title).toBe('Het aanmelden is gestopt');
    expect(laptop.page.html).toContain('drie keer een verkeerd nummer');
  });
  it('must be there: an approval without one is a wrong one', async () => {
    const { challenge } = await waiting();
    expect(await person.phone.answer(challenge, 'approve')).toMatchObject({
      status: 422,
      body: { code: 'wrong_number' },
    });
  });
  it('gives three guesses to many answers at once', async () => {
    const { challenge, number } = await waiting();
    const results = fulfilled(
      await together(12, () => person.phone.answer(challenge, 'approve', { number: wrong(number) })),
    );
    expect(results.filter(({ body }) => body.code === 'wrong_number')).toHaveLength(3);
  });
  it('has the length of the setting', async () => {
    const strict = await startInstallation({ NUMBER_LENGTH: '6' });
    const redirectUri = await RelyingParty.redirectUri();
    const party = await RelyingParty.discover(
      strict.url,
      'app',
      await strict.addClient({ id: 'app', redirectUris: [redirectUri] }),
      redirectUri,
    );
    const someone = await addEnrolledPerson(strict, new Laptop(), party);
    const laptop = new Laptop();
    await givePassword(laptop, party, someone);
    expect(laptop.number).toMatch(/^\d{6}$/);
    expect((await someone.phone.challenges())[0]!.numberLength).toBe(6);
    await strict.close();
  });
});

describe('the code in the QR on the sign-in page', () => {
  it('is looked up and answers instead of the number', async () => {
    const { laptop, challenge, here } = await waiting();
    const { code } = (await installation.d.approvals.waiting(
      (await installation.d.signIn.look(here.split('/').at(-1)!, { ip: '', browser: '' }))!.challenge!,
    ))!.qrUrl.match(/#q=(?<code>.+)$/)!.groups!;
    const found = await person.phone.call('POST', '/app/api/challenges/lookup', { code });
    expect(found.body.id).toBe(challenge.id);
    expect(await person.phone.answer(challenge, 'approve', { code: 'AAAAAAAAAAAAAAAAAAAAAA' })).toMatchObject({
      status: 422,
    });
    expect(await person.phone.answer(challenge, 'approve', { code })).toMatchObject({
      status: 200,
      body: { state: 'approved' },
    });
    expect((await laptop.open(here, {}, rp.redirectUri)).url).toContain('code=');
  });
  it('of somebody else is unknown', async () => {
    const stranger = await addEnrolledPerson(installation, new Laptop(), rp);
    const { here } = await waiting();
    const view = await installation.d.signIn.look(here.split('/').at(-1)!, { ip: '', browser: '' });
    const code = (await installation.d.approvals.waiting(view!.challenge!))!.qrUrl.split('#q=')[1];
    expect(await stranger.phone.call('POST', '/app/api/challenges/lookup', { code })).toMatchObject({ status: 404 });
  });
});

describe('deny', () => {
  it('ends the sign-in with a clear page, and the web app hears access_denied', async () => {
    const { laptop, challenge, here } = await waiting();
    expect(await person.phone.answer(challenge, 'deny')).toMatchObject({ status: 200, body: { state: 'denied' } });
    await laptop.open(here);
    expect(laptop.title).toBe('Het aanmelden is gestopt');
    await laptop.submit('/cancel', {}, rp.redirectUri);
    expect(new URL(laptop.page.url).searchParams.get('error')).toBe('access_denied');
  });
});

describe('“this was not me”', () => {
  it('freezes push, revokes the password that was used, ends sessions, and alerts owner and administrators', async () => {
    const elsewhere = new Laptop();
    const session = await givePassword(elsewhere, rp, person);
    await rp.redeem(session, (await approveAndGoOn(elsewhere, person.phone, rp)).url);
    const { laptop, challenge, here } = await waiting();
    expect(await person.phone.answer(challenge, 'report')).toMatchObject({ status: 200, body: { state: 'reported' } });
    await laptop.open(here);
    expect(laptop.page.html).toContain('Dit was ik niet');
    const again = new Laptop();
    await givePassword(again, rp, person);
    expect(again.page.status).toBe(401);
    expect((await installation.d.accounts.byId(person.accountId))!.pushFrozenAt).not.toBeNull();
    await elsewhere.open((await rp.request({ prompt: 'none' })).url, {}, rp.redirectUri);
    expect(elsewhere.page.url).toContain('error=login_required');
    await expect
      .poll(() =>
        readdirSync(join(installation.dataDir, 'outbox'))
          .map((file) => readFileSync(join(installation.dataDir, 'outbox', file), 'utf8'))
          .join('\n'),
      )
      .toMatch(/To: eigenaar@example\.org[\s\S]*Mogelijk misbruik/);
    expect(await events('account.push_frozen')).toHaveLength(1);

    // The helpdesk gives a new password, which lifts the freeze; after a reset the person enrols anew.
    await installation.d.administration.setPassword(person.email, 'zeven gele kanaries', OPERATOR);
    const lifted = new Laptop();
    await givePassword(lifted, rp, { email: person.email, password: 'zeven gele kanaries' });
    expect(lifted.title).toBe('Bevestig op uw telefoon');
    const pass = await resetAccount(installation, person.email);
    const fresh = new Laptop();
    await givePassword(fresh, rp, { email: person.email, password: 'zeven gele kanaries' });
    expect(fresh.title).toBe('Aanmelden met een tijdelijke toegangscode');
    await fresh.submit('/pass', { code: pass.code });
    expect(fresh.title).toBe('Meer informatie vereist');
    await enrolPhone(fresh, installation.url);
    expect((await goOn(fresh, rp)).url).toContain('code=');
  });
});

describe('a sign-in that somebody else began with the password', () => {
  it('ends with “this was not me”, also where it had shown nothing on the phone yet', async () => {
    const thief = new Laptop();
    await givePassword(thief, rp, person);
    const other = thief.page.url;
    const { challenge } = await waiting();
    await person.phone.answer(challenge, 'report');
    await installation.d.administration.setPassword(person.email, 'zeven gele kanaries', OPERATOR);
    await resetAccount(installation, person.email);
    await thief.open(other);
    expect(thief.title).toBe('Het aanmelden is gestopt');
  });

  it('ends with a new password, its open wizard included', async () => {
    const { account: _account, ...fresh } = await installation.addPerson();
    const thief = new Laptop();
    await givePassword(thief, rp, fresh);
    const interaction = thief.page.url.replace(/\/password$/, '');
    await thief.submit('/enrol');
    await thief.open(`${installation.url}/mfa/setup/scan`);
    const code = thief.typedCode;
    await installation.d.administration.setPassword(fresh.email, 'zeven gele kanaries', OPERATOR);
    expect((await thief.open(`${installation.url}/mfa/setup/scan`)).status).toBe(403);
    expect((await (await Phone.make(installation.url)).enrol(code)).status).toBe(410);
    await thief.open(interaction);
    expect(thief.title).toBe('Het aanmelden is gestopt');
  });

  it('binds no phone once the owner has bound theirs', async () => {
    const { account, ...fresh } = await installation.addPerson();
    const thief = new Laptop();
    await givePassword(thief, rp, fresh);
    await thief.submit('/enrol');
    await thief.open(`${installation.url}/mfa/setup/scan`);
    // Two steps ahead: one phone only has the code, another is bound already and waits for its test.
    const second = new Laptop();
    await givePassword(second, rp, fresh);
    await second.submit('/enrol');
    await second.open(`${installation.url}/mfa/setup/scan`);
    const ahead = await Phone.make(installation.url);
    await ahead.enrol(second.typedCode);

    const owner = new Laptop();
    await givePassword(owner, rp, fresh);
    await enrolPhone(owner, installation.url);

    const late = await Phone.make(installation.url);
    expect((await late.enrol(thief.typedCode)).status).not.toBe(201);
    await second.open(`${installation.url}/mfa/setup/test`);
    expect(second.page.status).toBe(403);
    const phones = (await installation.d.authenticators.ofAccount(account.id)).filter(({ kind }) => kind === 'push');
    expect(phones.filter(({ state }) => state === 'active')).toHaveLength(1);
  });

  it('does not cost the recovery code that was used before the password was asked again', async () => {
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    const here = laptop.page.url;
    await laptop.open(`${here}/recovery`);
    installation.clock.advance(700);
    await laptop.submit('/recovery', { code: person.recoveryCodes[2]! });
    expect(laptop.title).toBe('Aanmelden');
    await laptop.submit('/password', person);
    expect(laptop.title).toBe('Meer informatie vereist');
    installation.clock.advance(-700);
  });

  it('by another account shows that account’s own challenge', async () => {
    const other = await addEnrolledPerson(installation, new Laptop(), rp);
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    const here = laptop.page.url;
    const [first] = await person.phone.challenges();
    const csrf = /name="_csrf" value="([^"]+)"/.exec(laptop.page.html)![1]!;
    await laptop.open(`${here}/password`, {
      method: 'POST',
      body: new URLSearchParams({ email: other.email, password: other.password, _csrf: csrf }),
    });
    expect(await other.phone.challenges()).toHaveLength(1);
    await person.phone.answer(first!, 'deny');
    await laptop.open(here);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    expect((await approveAndGoOn(laptop, other.phone, rp)).url).toContain('code=');
  });
});

describe('the push budget', () => {
  it('holds for many requests at once', async () => {
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    const action = laptop.page.url;
    const csrf = /name="_csrf" value="([^"]+)"/.exec(laptop.page.html)![1]!;
    await together(20, () =>
      laptop
        .send(`${action}/approve`, { method: 'POST', body: new URLSearchParams({ _csrf: csrf }) })
        .then((response) => response.arrayBuffer()),
    );
    expect(
      await installation.d.database
        .sql`SELECT 1 FROM challenge WHERE account_id = ${person.accountId} AND purpose = 'sign_in'`,
    ).toHaveLength(3);
  });

  it('slows down after three, and after ten offers other ways only', async () => {
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    await laptop.submit('/approve');
    await laptop.submit('/approve');
    await laptop.submit('/approve');
    expect(laptop.page.status).toBe(429);
    expect(laptop.page.html).toMatch(/Wacht nog \d+ seconden/);
    let advanced = 0;
    for (let sent = 3; sent < 10; sent += 1) {
      installation.clock.advance(1400);
      advanced += 1400;
      const other = new Laptop();
      await givePassword(other, rp, person);
    }
    const last = new Laptop();
    await givePassword(last, rp, person);
    expect(last.page.status).toBe(429);
    expect(last.page.html).toContain('te veel meldingen');
    installation.clock.advance(-advanced);
  });
});

describe('web push', () => {
  const subscribe = async () => {
    const subscription = push.subscribe(installation.d.vapid.publicKey);
    expect((await person.phone.call('PUT', '/app/api/subscription', subscription)).status).toBe(204);
    return subscription;
  };

  it('carries the challenge’s id and generic words, encrypted and signed, for as long as it lives', async () => {
    await subscribe();
    const next = push.next();
    const { challenge } = await waiting();
    const message = await next;
    expect(JSON.parse(message.data)).toEqual({
      web_push: 8030,
      notification: {
        title: 'Aanmelden bevestigen?',
        body: 'Tik om het verzoek te bekijken.',
        navigate: `${installation.url}/app#c=${challenge.id}`,
      },
      challenge: challenge.id,
    });
    expect(message).toMatchObject({ ttl: 120, urgency: 'high', topic: person.accountId.replaceAll('-', '') });
    expect(message.size).toBeLessThan(4096);
    // One VAPID token for a push service, not one for each message (Apple).
    const again = push.next();
    await waiting();
    expect((await again).authorization).toBe(message.authorization);
  });
  it('to a dead subscription is not sent twice, and the owner is told', async () => {
    const subscription = await subscribe();
    push.expire(subscription.endpoint);
    await waiting();
    await expect
      .poll(async () => (await person.phone.call('GET', '/app/api/account')).body.hasSubscription)
      .toBe(false);
    await expect
      .poll(() =>
        installation.logLines.some((line) => line.includes('phone_unreachable') && line.includes(person.accountId)),
      )
      .toBe(true);
  });
  it('that fails never fails the challenge: the phone sees it by itself', async () => {
    await subscribe();
    push.failWith = 500;
    const { laptop } = await waiting();
    push.failWith = undefined;
    expect((await approveAndGoOn(laptop, person.phone, rp)).url).toContain('code=');
  });
  it('is not subscribed to at an address of the organisation’s own network', async () => {
    const { keys } = push.subscribe(installation.d.vapid.publicKey);
    for (const endpoint of [
      'https://localhost/x',
      'https://127.0.0.1/x',
      'https://192.168.1.1/push',
      'https://[::1]/x',
      'http://fcm.googleapis.com/x',
      'https://intranet.example.org/x',
    ]) {
      expect(await person.phone.call('PUT', '/app/api/subscription', { endpoint, keys }), endpoint).toMatchObject({
        status: 422,
        body: { code: 'endpoint_not_allowed' },
      });
    }
    const bad = push.subscribe(installation.d.vapid.publicKey);
    expect(
      await person.phone.call('PUT', '/app/api/subscription', { ...bad, keys: { ...bad.keys, p256dh: 'AAAA' } }),
    ).toMatchObject({ status: 422, body: { code: 'subscription_invalid' } });
  });
});

describe('the companion’s calls', () => {
  it('with characters that no text has are refused, not failed', async () => {
    const { phone } = person;
    for (const [method, path, body] of [
      ['POST', '/app/api/challenges/lookup', { code: 'a\u0000b' }],
      ['POST', '/app/api/challenges/x/answer', { answer: 'a\u0000b' }],
      ['POST', '/app/api/enrolments', { code: '0'.repeat(26), label: 'a\u0000' }],
      ['POST', '/app/api/enrolments', { code: '0'.repeat(26), label: '\ud800' }],
      ['GET', '/app/api/challenges/%00', undefined],
    ] as const) {
      expect((await phone.call(method, path, body)).status, path).toBe(400);
    }
  });

  it('need a proof: for this method and address, now, once, by a key that is bound', async () => {
    const { phone } = person;
    const path = '/app/api/account';
    expect((await phone.call('GET', path)).status).toBe(200);
    const cases: [string, Promise<string>][] = [
      ['proof_invalid', Promise.resolve('')],
      ['proof_invalid', Promise.resolve('nonsense')],
      ['proof_invalid', phone.proof('POST', path)],
      ['proof_invalid', phone.proof('GET', '/app/api/history')],
      ['proof_invalid', phone.proof('GET', path, { typ: 'jwt' })],
      ['proof_invalid', phone.proof('GET', path, { jwk: { ...phone.jwk, d: 'AAAA' } })],
      ['proof_time', phone.proof('GET', path, { iat: Math.floor(Date.now() / 1000) - 120 })],
      ['proof_time', phone.proof('GET', path, { iat: Math.floor(Date.now() / 1000) + 120 })],
    ];
    for (const [code, proof] of cases)
      expect(await phone.call('GET', path, undefined, await proof), code).toMatchObject({
        status: 401,
        body: { code },
      });
    const once = await phone.proof('GET', path);
    const results = fulfilled(await together(5, () => phone.call('GET', path, undefined, once)));
    expect(results.filter(({ status }) => status === 200)).toHaveLength(1);
  });
  it('with a body that is too large, not JSON or of the wrong type get a clear answer', async () => {
    const { phone } = person;
    const path = '/app/api/challenges/lookup';
    const send = async (body: string, type = 'application/json') =>
      fetch(installation.url + path, {
        method: 'POST',
        body,
        headers: { 'content-type': type, dpop: await phone.proof('POST', path) },
      });
    for (const [response, status] of [
      [await send(JSON.stringify({ code: 'x'.repeat(40_000) })), 413],
      [await send('{"code":'), 400],
      [await send('{"code":12}'), 400],
      [await send('[]'), 400],
      [await send('<code/>', 'application/xml'), 415],
    ] as const) {
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toContain('application/problem+json');
      expect(await response.text()).not.toMatch(/at .*\.ts|node_modules|stack/);
    }
  });
  it('after removal are refused, and the password alone does not enrol another phone', async () => {
    expect((await person.phone.call('DELETE', '/app/api/account')).status).toBe(204);
    expect((await person.phone.call('GET', '/app/api/account')).status).toBe(401);
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    expect(laptop.title).toBe('Aanmelden met een herstelcode');
  });
});

describe('a recovery code', () => {
  it('leads to a new phone, then to the web app; it works once', async () => {
    const laptop = new Laptop();
    const request = await givePassword(laptop, rp, person);
    await laptop.open(`${laptop.page.url}/recovery`);
    await laptop.submit('/recovery', { code: '0000-0000-0000-0000' });
    expect(laptop.page.status).toBe(401);
    await laptop.submit('/recovery', { code: person.recoveryCodes[0]!.toLowerCase().replaceAll('-', ' ') });
    expect(laptop.title).toBe('Meer informatie vereist');
    await enrolPhone(laptop, installation.url);
    // A new set after use: the codes of the old one are worth nothing.
    const { recoveryCodes } = laptop;
    expect(recoveryCodes).toHaveLength(10);
    const landed = await goOn(laptop, rp);
    const claims = (await rp.redeem(request, landed.url)).claims()!;
    expect(claims.amr).toEqual(['pwd', 'otp', 'pop', 'swk', 'mca', 'mfa']);
    const second = new Laptop();
    await givePassword(second, rp, person);
    await second.open(`${second.page.url}/recovery`);
    await second.submit('/recovery', { code: person.recoveryCodes[0]! });
    expect(second.page.status).toBe(401);
    await second.submit('/recovery', { code: person.recoveryCodes[1]! });
    expect(second.page.status).toBe(401);
    person = { ...person, recoveryCodes };
  });
  it('cannot be guessed without waiting longer and longer', async () => {
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    await laptop.open(`${laptop.page.url}/recovery`);
    for (let attempt = 0; attempt < 5; attempt += 1) await laptop.submit('/recovery', { code: `guess ${attempt}` });
    await laptop.submit('/recovery', { code: person.recoveryCodes[1]! });
    expect(laptop.page.status).toBe(429);
    expect(laptop.page.html).toMatch(/Wacht nog \d+ seconden/);
  });
});
