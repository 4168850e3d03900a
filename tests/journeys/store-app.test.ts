import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { StoreAppPhone, type Waiting } from '../support/store-app.ts';
import { givePassword, goOn } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

/** The contract with an app that is not ours: its byte rules, its limits, and what it does when a reply is lost. */
let installation: TestInstallation;
let rp: RelyingParty;
let person: Awaited<ReturnType<TestInstallation['addPerson']>>;

beforeAll(async () => {
  installation = await startInstallation({ ORGANISATION: 'Provinsje Fryslân: IPO' });
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', name: 'Zaaksysteem', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
beforeEach(async () => {
  person = await installation.addPerson();
});
afterEach(() => installation.clock.reset());
afterAll(() => installation.close());

const atScan = async () => {
  const laptop = new Laptop();
  const request = await givePassword(laptop, rp, person);
  await laptop.submit('/enrol');
  await laptop.open(`${installation.url}/mfa/setup/store-app`);
  const address = /href="(otpauth:[^"]+)"/.exec(laptop.page.html)![1]!.replaceAll('&amp;', '&');
  return { laptop, request, phone: new StoreAppPhone(address, { 'accept-language': 'nl' }) };
};
const codeOf = (reply: Awaited<ReturnType<StoreAppPhone['accept']>>) => reply.json?.detail?.display_code ?? '';
const oneOf = async (phone: StoreAppPhone): Promise<Waiting> => {
  const waiting = await phone.poll();
  if (!Array.isArray(waiting) || waiting.length !== 1) throw new Error(`waiting: ${JSON.stringify(waiting)}`);
  return waiting[0]!;
};
const enrolled = async () => {
  const { laptop, request, phone } = await atScan();
  expect((await phone.enrol()).status).toBe(200);
  await laptop.open(`${installation.url}/mfa/setup/store-app`);
  await laptop.submit('/store-app/test');
  const code = codeOf(await phone.accept(await oneOf(phone)));
  await laptop.open(`${installation.url}/mfa/setup/store-app/test`);
  await laptop.submit('/store-app/test/code', { code });
  expect(laptop.title).toBe('Uw app is klaar voor gebruik');
  return { laptop, request, phone };
};
const signingIn = async () => {
  const laptop = new Laptop();
  const request = await givePassword(laptop, rp, person);
  expect(laptop.title).toBe('Keur goed in uw app');
  return { laptop, request, here: laptop.page.url };
};

describe('the store app', () => {
  it('is enrolled by its QR code, tested, and signs in with the code that it shows', async () => {
    const { laptop, request, phone } = await enrolled();
    expect(phone.label).toBe('Provinsje Fryslân  IPO');
    expect(phone.url).toBe(`${installation.url}/ttype/push`);
    const landed = await goOn(laptop, rp);
    expect((await rp.redeem(request, landed.url)).claims()).toMatchObject({
      acr: 'urn:dubbelslot:acr:mfa',
      amr: ['pwd', 'pop', 'swk', 'mca', 'mfa'],
    });
    const { laptop: second, request: again, here } = await signingIn();
    const waiting = await oneOf(phone);
    expect(waiting.question).toContain('Aanmelden bij Zaaksysteem');
    expect(waiting.question).toContain('Firefox, Windows');
    const code = codeOf(await phone.accept(waiting));
    expect(code).toMatch(/^\d{6}$/);
    // The laptop never shows the code: it must come from the phone.
    await second.open(here);
    expect(second.page.html).not.toContain(code);
    expect(second.page.html).toContain('Op uw telefoon staat nu een code');
    await second.submit('/store-app/code', { code: `${code.slice(0, 3)} ${code.slice(3)}` }, rp.redirectUri);
    expect((await rp.redeem(again, second.page.url)).claims()!.acr).toBe('urn:dubbelslot:acr:mfa');
  });

  it('gives nothing away to somebody who only taps: three wrong codes end the sign-in', async () => {
    const { phone } = await enrolled();
    const { laptop, here } = await signingIn();
    const code = codeOf(await phone.accept(await oneOf(phone)));
    const wrong = code === '000000' ? '111111' : '000000';
    await laptop.open(here);
    for (const left of [2, 1]) {
      await laptop.submit('/store-app/code', { code: wrong });
      expect(laptop.page.html).toContain(`U kunt nog ${left} keer proberen`);
    }
    await laptop.submit('/store-app/code', { code: wrong });
    expect(laptop.title).toBe('Het aanmelden is gestopt');
    await laptop.send(`${here}/store-app/code`, { method: 'POST', body: new URLSearchParams({ code }) });
    await laptop.open(here);
    expect(laptop.title).toBe('Het aanmelden is gestopt');
  });

  it('takes a code once, and three guesses however many come at once', async () => {
    const { phone } = await enrolled();
    const { here } = await signingIn();
    const code = codeOf(await phone.accept(await oneOf(phone)));
    const uid = new URL(here).pathname.split('/').at(-1)!;
    const view = (await installation.d.signIn.look(uid, { ip: '127.0.0.1', browser: '' }))!;
    const guesses = await together(20, (index) =>
      installation.d.approvals.useWithCode(view.challenge!, index < 19 ? '999999' : code),
    );
    expect(
      fulfilled(guesses).filter((each) => !each.ok && each.refusal.code === 'code_wrong').length,
    ).toBeLessThanOrEqual(3);
    const again = await together(3, () => installation.d.approvals.useWithCode(view.challenge!, code));
    expect(fulfilled(again).filter(({ ok }) => ok).length).toBeLessThanOrEqual(1);
  });

  it('declines, which ends the sign-in; “not started by me” alarms', async () => {
    const { phone } = await enrolled();
    const { laptop, here } = await signingIn();
    const reply = await phone.decline(await oneOf(phone), 'unknown_trigger');
    expect(reply.json?.result.value).toBe(true);
    expect(codeOf(reply)).toBe('');
    await laptop.open(here);
    expect(laptop.title).toBe('Het aanmelden is gestopt');
    await expect.poll(() => installation.logLines.some((line) => line.includes('declined_unknown'))).toBe(true);
    expect(await phone.poll()).toEqual([]);
  });

  it('gets the same reply for the same answer, and “too late” for another', async () => {
    const { phone } = await enrolled();
    await signingIn();
    const waiting = await oneOf(phone);
    const first = await phone.accept(waiting);
    const second = await phone.accept(waiting);
    expect(second).toEqual(first);
    const late = await phone.decline(waiting, 'cancelled');
    expect(late.status).toBe(409);
    expect(late.text).toBe('Te laat: dit verzoek is al beantwoord of verlopen.');
    expect(late.text).not.toMatch(/^[{<]/);
    installation.clock.advance(121);
    await signingIn();
    installation.clock.advance(121);
    phone.clockOffset = 242_000;
    expect(await phone.poll()).toEqual([]);
  });

  it('says at each start that it cannot be woken, and may ask for a network with an empty form', async () => {
    const { phone } = await enrolled();
    expect(await phone.update()).toBe(200);
    expect((await phone.post({})).status).toBeGreaterThan(0);
    const { here } = await signingIn();
    expect((await phone.post({})).status).toBe(400);
    expect(await oneOf(phone)).toMatchObject({ serial: phone.serial });
    expect(here).toContain('/interaction/');
  });

  it('needs its own key for every call, a clock that is right, and a serial that is known', async () => {
    const { phone } = await enrolled();
    await signingIn();
    const waiting = await oneOf(phone);
    expect(await phone.poll({ signature: phone.sign('something else') })).toBe(400);
    expect(await phone.poll({ signature: 'nonsense' })).toBe(400);
    expect(await phone.poll({ serial: 'DBSL0000' })).toBe(400);
    phone.clockOffset = 120_000;
    expect(await phone.poll()).toBe(400);
    phone.clockOffset = 0;
    const forged = await phone.post({
      serial: phone.serial,
      nonce: waiting.nonce,
      signature: phone.sign(`${waiting.nonce}|x`),
    });
    expect(forged.status).toBe(409);
    // An approval is no decline, and the other way round.
    const turned = await phone.post({
      serial: phone.serial,
      nonce: waiting.nonce,
      decline: '1',
      signature: phone.sign(`${waiting.nonce}|${phone.serial}`),
    });
    expect(turned.status).toBe(409);
    expect(await oneOf(phone)).toMatchObject({ nonce: waiting.nonce });
  });

  it('cannot be enrolled with a used, expired or foreign code, nor with a key that is none', async () => {
    const { phone } = await atScan();
    expect((await phone.enrol({ pubkey: 'nonsense' })).json?.result.status).toBe(false);
    expect((await phone.enrol({ enrollment_credential: 'ABCD' })).status).toBe(400);
    expect((await phone.enrol({ serial: 'DBSL0123456789ABCDEF' })).status).toBe(400);
    const { phone: second } = await atScan();
    expect((await second.enrol()).status).toBe(200);
    expect((await second.enrol()).json?.result.error?.message).toContain('al gebruikt');
    const { phone: third } = await atScan();
    installation.clock.advance(601);
    expect((await third.enrol()).json?.result.error?.message).toContain('verlopen');
  });

  it('sees nothing of another account, nor requests for our own app', async () => {
    const mine = await enrolled();
    const { phone: other } = await (async () => {
      person = await installation.addPerson();
      return enrolled();
    })();
    await signingIn();
    expect(await mine.phone.poll()).toEqual([]);
    const waiting = await oneOf(other);
    expect((await mine.phone.accept({ ...waiting, serial: mine.phone.serial })).status).toBe(409);
  });
});
