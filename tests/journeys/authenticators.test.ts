import {
  AuthenticatorEmulator,
  type AuthenticatorParameters,
  PasskeysCredentialsMemoryRepository,
  WebAuthnEmulator,
} from 'nid-webauthn-emulator';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { issuePass } from '../support/administration.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { enrolCodeApp, enrolKey, enrolPhone, givePassword, goOn } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';
import { totpCode } from '../support/totp.ts';

let installation: TestInstallation;
let rp: RelyingParty;
let strict: RelyingParty;
let person: Awaited<ReturnType<TestInstallation['addPerson']>>;

beforeAll(async () => {
  installation = await startInstallation();
  const make = async (id: string, requiredAcr?: 'urn:dubbelslot:acr:phr') => {
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await installation.addClient({
      id,
      name: id === 'app' ? 'Zaaksysteem' : 'Kluis',
      redirectUris: [redirectUri],
      ...(requiredAcr ? { requiredAcr } : {}),
    });
    return RelyingParty.discover(installation.url, id, secret, redirectUri);
  };
  rp = await make('app');
  strict = await make('strict', 'urn:dubbelslot:acr:phr');
});
beforeEach(async () => {
  person = await installation.addPerson();
});
afterEach(() => installation.clock.reset());
afterAll(() => installation.close());

const now = () => installation.clock.now();
const next = () => installation.clock.advance(30);
const events = (action: string) =>
  installation.d.auditStore.list({ action, accountId: person.account.id, limit: 1000 });

const at = async (who = person, app = rp) => {
  const laptop = new Laptop();
  const request = await givePassword(laptop, app, who);
  return { laptop, request };
};

/** A person whose second factor is a code app. */
const withCodeApp = async () => {
  const { laptop } = await at();
  const secret = await enrolCodeApp(laptop, installation.url, now());
  const { recoveryCodes } = laptop;
  await goOn(laptop, rp);
  next();
  return { secret, recoveryCodes };
};

const key = (parameters: Partial<AuthenticatorParameters> = {}) =>
  new WebAuthnEmulator(
    new AuthenticatorEmulator({ credentialsRepository: new PasskeysCredentialsMemoryRepository(), ...parameters }),
  );
const onlyTouched = () => ({ options: { up: true, uv: false } });
/** A key that does not check who touches it. */
const plain = { userMakeCredentialInteraction: onlyTouched, userGetAssertionInteraction: onlyTouched };

/** A person whose second factor is a key. This software key calls itself one that may be synced. */
const withKey = async (mine = key()) => {
  const { laptop } = await at();
  await enrolKey(laptop, installation.url, mine);
  await goOn(laptop, rp);
  return mine;
};
const answer = (laptop: Laptop, mine: WebAuthnEmulator, change: (said: Said) => void = () => {}) => {
  const said = mine.getJSON(installation.url, laptop.keyOptions as never) as unknown as Said;
  change(said);
  return JSON.stringify(said);
};
interface Said {
  id: string;
  response: { clientDataJSON: string; authenticatorData: string; signature: string; userHandle?: string };
}

describe('a code app', () => {
  it('is enrolled by its first code, and the web app hears of it', async () => {
    const { laptop, request } = await at();
    await laptop.submit('/enrol');
    await laptop.open(`${installation.url}/mfa/setup/choose`);
    expect(laptop.page.html).toContain('Microsoft Authenticator');
    await laptop.open(`${installation.url}/mfa/setup/code`);
    const secret = laptop.typedCode.replaceAll(' ', '');
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    await laptop.open(`${installation.url}/mfa/setup/code`);
    expect(laptop.typedCode.replaceAll(' ', '')).toBe(secret);
    await laptop.submit('/mfa/setup/code', { code: '000000' });
    expect(laptop.page.status).toBe(422);
    expect(laptop.page.html).toContain('Deze code klopt niet');
    const code = totpCode(secret, now());
    await laptop.submit('/mfa/setup/code', { code: `${code.slice(0, 3)} ${code.slice(3)}` });
    expect(laptop.title).toBe('Uw app is klaar voor gebruik');
    expect(laptop.recoveryCodes).toHaveLength(10);
    const landed = await goOn(laptop, rp);
    const claims = (await rp.redeem(request, landed.url)).claims()!;
    expect(claims).toMatchObject({ acr: 'urn:dubbelslot:acr:mfa', amr: ['pwd', 'otp', 'mfa'] });
  });

  it('signs in with a code, of which each works once, one step back and one forward', async () => {
    const { secret } = await withCodeApp();
    const use = async (seconds: number) => {
      const { laptop, request } = await at();
      expect(laptop.title).toBe('Vul de code uit uw app in');
      await laptop.submit(
        '/code',
        { code: totpCode(secret, new Date(now().getTime() + seconds * 1000)) },
        rp.redirectUri,
      );
      return laptop.page.status === 0 ? (await rp.redeem(request, laptop.page.url)).claims()!.acr : laptop.page.status;
    };
    next();
    expect(await use(-60)).toBe(401);
    expect(await use(-30)).toBe('urn:dubbelslot:acr:mfa');
    expect(await use(0)).toBe('urn:dubbelslot:acr:mfa');
    expect(await use(0)).toBe(401);
    expect(await use(-30)).toBe(401);
    expect(await use(30)).toBe('urn:dubbelslot:acr:mfa');
    expect(await use(0)).toBe(401);
    expect(await use(60)).toBe(401);
  });

  it('gives one sign-in for one code, however many try at once', async () => {
    const { secret } = await withCodeApp();
    const laptops = await Promise.all(Array.from({ length: 4 }, () => at()));
    const code = totpCode(secret, now());
    const outcomes = await together(4, async (index) => {
      const { laptop } = laptops[index]!;
      await laptop.submit('/code', { code }, rp.redirectUri);
      return laptop.page.url.startsWith(rp.redirectUri);
    });
    expect(fulfilled(outcomes).filter(Boolean)).toHaveLength(1);
  });

  it('is disabled after fifty wrong codes; its owner is told, and gets in by a recovery code', async () => {
    const { secret, recoveryCodes } = await withCodeApp();
    let { laptop } = await at();
    let waited = 0;
    for (let wrong = 0; wrong < 50; ) {
      await laptop.submit('/code', { code: '000000' });
      if (laptop.page.status !== 429) wrong += 1;
      else {
        const seconds = Number(laptop.page.headers.get('retry-after'));
        waited += seconds;
        installation.clock.advance(seconds);
        ({ laptop } = await at());
      }
    }
    expect(waited).toBeGreaterThan(36 * 3600);
    expect(laptop.page.html).toContain('Deze manier is daarom uitgezet');
    installation.clock.advance(3600);
    ({ laptop } = await at());
    // Nothing but ways to recover is left, and the right code is worth nothing.
    expect(laptop.title).toBe('Aanmelden met een herstelcode');
    const disabled = await installation.d.authenticators.ofAccount(person.account.id);
    expect(disabled.find(({ kind }) => kind === 'totp')?.state).toBe('disabled');
    await laptop.open(`${laptop.page.url}/ways`);
    expect(laptop.page.html).not.toContain('Code uit een app');
    await laptop.open(laptop.page.url.replace('/ways', ''));
    await laptop.submit('/recovery', { code: recoveryCodes[0]! });
    const fresh = await enrolCodeApp(laptop, installation.url, now());
    expect(fresh).not.toBe(secret);
    next();
    const back = await at();
    await back.laptop.submit('/code', { code: totpCode(fresh, now()) }, rp.redirectUri);
    expect(back.laptop.page.url).toContain(rp.redirectUri);
  });
});

describe('ten thousand guesses', () => {
  it('spread over ways and addresses stay under the limits', async () => {
    await withCodeApp();
    const { laptop } = await at();
    const base = laptop.page.url;
    const view = (await installation.d.signIn.look(new URL(base).pathname.split('/').at(-1)!, {
      ip: '192.0.2.1',
      browser: '',
    }))!;
    const { secondFactor } = installation.d;
    let looked = 0;
    for (let round = 0; round < 100; round += 1) {
      const guesses = await together(100, (index) => {
        const origin = { ip: `192.0.2.${index}`, browser: '' };
        const ways = [secondFactor.totp, secondFactor.recoveryCode, secondFactor.temporaryPass];
        return ways[index % 3]!(view, String(100_000 + round * 100 + index), origin);
      });
      looked += fulfilled(guesses).filter((each) => !each.ok && each.refusal.code !== 'wait').length;
    }
    expect(looked).toBeLessThanOrEqual(13);
    expect(looked).toBeGreaterThan(4);
  });
});

describe('a security key or passkey', () => {
  it('is enrolled, used once, and then all that is needed', async () => {
    const mine = key({ aaguid: new Uint8Array(Buffer.from('2fc0579f811347eab116bb5a8db9202a', 'hex')) });
    const { laptop, request } = await at();
    await enrolKey(laptop, installation.url, mine);
    expect(laptop.page.html).toContain('YubiKey');
    const landed = await goOn(laptop, rp);
    const first = (await rp.redeem(request, landed.url)).claims()!;
    expect(first).toMatchObject({
      acr: 'urn:dubbelslot:acr:phr',
      amr: ['pwd', 'pop', 'swk', 'user', 'mfa'],
    });
    const fresh = new Laptop();
    const again = await rp.request();
    await fresh.open(again.url);
    await fresh.submit('/passkey', { response: answer(fresh, mine) }, rp.redirectUri);
    const claims = (await rp.redeem(again, fresh.page.url)).claims()!;
    expect(claims).toMatchObject({
      sub: person.account.id,
      acr: 'urn:dubbelslot:acr:phr',
      amr: ['pop', 'swk', 'user', 'mfa'],
    });
  });

  it('that does not check its user is a second factor beside the password, never alone', async () => {
    const mine = await withKey(key(plain));
    const { laptop, request } = await at();
    expect(laptop.title).toBe('Gebruik uw sleutel');
    await laptop.submit('/key', { response: answer(laptop, mine) }, rp.redirectUri);
    const claims = (await rp.redeem(request, laptop.page.url)).claims()!;
    expect(claims).toMatchObject({ acr: 'urn:dubbelslot:acr:phr', amr: ['pwd', 'pop', 'swk', 'mfa'] });
    const alone = new Laptop();
    await alone.open((await rp.request()).url);
    const options = { ...alone.keyOptions, userVerification: 'discouraged' };
    await alone.submit('/passkey', { response: JSON.stringify(mine.getJSON(installation.url, options as never)) });
    expect(alone.page.status).toBe(401);
  });

  it('is what a web app gets that asks for one, also from somebody who has only a phone until then', async () => {
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    const phone = await enrolPhone(laptop, installation.url);
    await goOn(laptop, rp);
    const request = await strict.request();
    await laptop.open(request.url);
    expect(laptop.page.html).toContain('Kluis vraagt om een toegangssleutel');
    await enrolKey(laptop, installation.url, key());
    const landed = await goOn(laptop, strict);
    expect((await strict.redeem(request, landed.url)).claims()!.acr).toBe('urn:dubbelslot:acr:phr');
    expect((await phone.call('GET', '/app/api/account')).status).toBe(200);
  });

  const refused = async (change: (said: Said) => void) => {
    person = await installation.addPerson();
    const mine = await withKey();
    const { laptop } = await at();
    const said = mine.getJSON(installation.url, laptop.keyOptions as never) as unknown as Said;
    change(said);
    await laptop.submit('/key', { response: JSON.stringify(said) });
    return laptop.page.status;
  };
  const clientData = (said: Said, changes: object) => {
    const data = JSON.parse(Buffer.from(said.response.clientDataJSON, 'base64url').toString());
    said.response.clientDataJSON = Buffer.from(JSON.stringify({ ...data, ...changes })).toString('base64url');
  };

  it('with a wrong origin, challenge, type, signature, RP id or user handle is refused', async () => {
    expect(await refused((said) => clientData(said, { origin: 'https://evil.example' }))).toBe(401);
    expect(await refused((said) => clientData(said, { challenge: 'AAAA' }))).toBe(401);
    expect(await refused((said) => clientData(said, { type: 'webauthn.create' }))).toBe(401);
    expect(
      await refused((said) => {
        const data = Buffer.from(said.response.authenticatorData, 'base64url');
        data[0]! ^= 1;
        said.response.authenticatorData = data.toString('base64url');
      }),
    ).toBe(401);
    expect(
      await refused((said) => {
        said.response.userHandle = Buffer.from('somebody else').toString('base64url');
      }),
    ).toBe(401);
  });

  it('answers each challenge once, and only that of its own sign-in', async () => {
    const mine = await withKey();
    const { laptop } = await at();
    const response = answer(laptop, mine);
    const other = await at();
    await other.laptop.submit('/key', { response });
    expect(other.laptop.page.status).toBe(401);
    await laptop.submit('/key', { response }, rp.redirectUri);
    expect(laptop.page.url).toContain(rp.redirectUri);
    const late = await at();
    await late.laptop.submit('/key', { response });
    expect(late.laptop.page.status).toBe(401);
  });

  it('of somebody else is refused, with their password or without', async () => {
    const mine = await withKey();
    const victim = await installation.addPerson();
    const { laptop } = await at(victim);
    await enrolKey(laptop, installation.url, key());
    await goOn(laptop, rp);
    const attack = await at(victim);
    const options = { ...attack.laptop.keyOptions, allowCredentials: [] };
    await attack.laptop.submit('/key', {
      response: JSON.stringify(mine.getJSON(installation.url, options as never)),
    });
    expect(attack.laptop.page.status).toBe(401);
  });

  it('whose counter does not grow is switched off, its owner is told, and it is noticed', async () => {
    const mine = await withKey();
    const { laptop } = await at();
    await laptop.submit('/key', { response: answer(laptop, mine) }, rp.redirectUri);
    // A copy of the key counts from where it was copied.
    await installation.d.database.sql`UPDATE authenticator SET credential = jsonb_set(credential, '{counter}', '1000')
      WHERE account_id = ${person.account.id} AND kind = 'webauthn'`;
    const { laptop: second } = await at();
    await second.submit('/key', { response: answer(second, mine) });
    expect(second.page.status).toBe(401);
    expect(second.page.html).toContain('misschien een kopie');
    expect((await events('authenticator.disabled'))[0]).toMatchObject({ detail: { kind: 'webauthn' } });
    await second.open((await rp.request()).url);
    await second.submit('/passkey', { response: answer(second, mine) });
    expect(second.page.status).toBe(401);
  });

  it('is not added twice, and may be limited to some models', async () => {
    const mine = await withKey();
    const { laptop } = await at();
    await laptop.submit('/key', { response: answer(laptop, mine) }, rp.redirectUri);
    await laptop.open(`${installation.url}/mfa`);
    await laptop.submit('/mfa/add');
    await laptop.open(`${installation.url}/mfa/setup/key`);
    expect(laptop.keyOptions.excludeCredentials).toHaveLength(1);

    const choosy = await startInstallation({ WEBAUTHN_AAGUIDS: '2fc0579f-8113-47ea-b116-bb5a8db9202a' });
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await choosy.addClient({ id: 'app', redirectUris: [redirectUri] });
    const app = await RelyingParty.discover(choosy.url, 'app', secret, redirectUri);
    const somebody = await choosy.addPerson();
    const wizard = new Laptop();
    await givePassword(wizard, app, somebody);
    await wizard.submit('/enrol');
    await wizard.open(`${choosy.url}/mfa/setup/key`);
    expect(wizard.keyOptions.attestation).toBe('direct');
    await wizard.submit('/mfa/setup/key', {
      response: JSON.stringify(key().createJSON(choosy.url, wizard.keyOptions as never)),
    });
    expect(wizard.page.html).toContain('Dit soort sleutel mag u hier niet gebruiken');
    await enrolKey(
      wizard,
      choosy.url,
      key({ aaguid: new Uint8Array(Buffer.from('2fc0579f811347eab116bb5a8db9202a', 'hex')) }),
    );
    await choosy.close();
  });

  it('is offered first, and what was chosen last is remembered by the browser alone', async () => {
    const mine = await withKey();
    const { laptop } = await at();
    await laptop.submit('/key', { response: answer(laptop, mine) }, rp.redirectUri);
    await laptop.open(`${installation.url}/mfa`);
    await laptop.submit('/mfa/add');
    const secret = await enrolCodeApp(laptop, installation.url, now());
    next();
    const browser = new Laptop();
    await givePassword(browser, rp, person);
    expect(browser.title).toBe('Gebruik uw sleutel');
    await browser.open(`${browser.page.url}/ways`);
    expect(browser.page.html.indexOf('Toegangssleutel')).toBeLessThan(browser.page.html.indexOf('Code uit een app'));
    await browser.open(browser.page.url.replace('/ways', '/code'));
    await browser.submit('/code', { code: totpCode(secret, now()) }, rp.redirectUri);
    const again = await rp.request({ prompt: 'login' });
    await browser.open(again.url);
    await browser.submit('/password', person, rp.redirectUri);
    expect(browser.title).toBe('Vul de code uit uw app in');
    expect((await at()).laptop.title).toBe('Gebruik uw sleutel');
  });
});

describe('a temporary pass', () => {
  const issue = async () => (await issuePass(installation, person.email)).code;

  it('lets a person enrol another authenticator, and nothing else; it works once, for an hour', async () => {
    await withCodeApp();
    const code = await issue();
    expect(code.replaceAll('-', '')).toHaveLength(16);
    const { laptop, request } = await at();
    await laptop.open(`${laptop.page.url}/pass`);
    await laptop.submit('/pass', { code: '0000-0000-0000-0000' });
    expect(laptop.page.status).toBe(401);
    await laptop.submit('/pass', { code: code.toLowerCase() });
    expect(laptop.page.html).toContain('U heeft een tijdelijke toegangscode gebruikt');
    // Not the web app.
    await laptop.open(laptop.page.url, {}, rp.redirectUri);
    expect(laptop.title).toBe('Meer informatie vereist');
    await enrolKey(laptop, installation.url, key());
    const landed = await goOn(laptop, rp);
    expect((await rp.redeem(request, landed.url)).claims()!.acr).toBe('urn:dubbelslot:acr:phr');

    const { laptop: second } = await at();
    await second.open(`${second.page.url}/pass`);
    await second.submit('/pass', { code });
    expect(second.page.status).toBe(401);
    const late = await issue();
    installation.clock.advance(3601);
    const { laptop: third } = await at();
    await third.open(`${third.page.url}/pass`);
    await third.submit('/pass', { code: late });
    expect(third.page.status).toBe(401);
  });

  it('is never for one’s own account, and a new one ends the one before', async () => {
    await withCodeApp();
    const { id } = person.account;
    const own = await installation.d.support.open(
      {
        accountId: id,
        kind: 'temporary_pass',
        cause: 'other',
        reason: 'for myself',
        verification: { identity: 'it is me' },
      },
      { actor: `account:${id}`, origin: '192.0.2.1', authority: { kind: 'person', accountId: id, role: 'owner' } },
    );
    expect(own).toMatchObject({ ok: false, refusal: { code: 'own_account' } });
    const first = await issue();
    await issue();
    const { laptop } = await at();
    await laptop.open(`${laptop.page.url}/pass`);
    await laptop.submit('/pass', { code: first });
    expect(laptop.page.status).toBe(401);
  });
});

describe('an enrolment', () => {
  it('is over after ten minutes, also for a code app and a key', async () => {
    const { laptop } = await at();
    await laptop.submit('/enrol');
    await laptop.open(`${installation.url}/mfa/setup/code`);
    const code = totpCode(laptop.typedCode.replaceAll(' ', ''), new Date(now().getTime() + 601_000));
    installation.clock.advance(601);
    await laptop.submit('/mfa/setup/code', { code });
    expect(laptop.page.status).toBe(403);
    expect((await installation.d.authenticators.ofAccount(person.account.id)).map(({ kind }) => kind)).toEqual([
      'password',
    ]);
  });

  it('by a password alone ends as soon as another has a second factor', async () => {
    const first = await at();
    await first.laptop.submit('/enrol');
    await first.laptop.open(`${installation.url}/mfa/setup/code`);
    const stolen = first.laptop.typedCode.replaceAll(' ', '');
    const owner = await at();
    await enrolKey(owner.laptop, installation.url, key());
    await first.laptop.submit('/mfa/setup/code', { code: totpCode(stolen, now()) });
    expect(first.laptop.page.url).not.toContain('/done');
    const kinds = (await installation.d.authenticators.ofAccount(person.account.id)).filter(
      ({ state }) => state === 'active',
    );
    expect(kinds.map(({ kind }) => kind).sort()).toEqual(['password', 'recovery_code', 'webauthn']);
  });
});
