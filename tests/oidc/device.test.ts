import * as oidc from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, type Enrolled, givePassword } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';

let installation: TestInstallation;
let web: RelyingParty;
let television: RelyingParty;
let person: Enrolled;

beforeAll(async () => {
  installation = await startInstallation();
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'web', redirectUris: [redirectUri] });
  web = await RelyingParty.discover(installation.url, 'web', secret, redirectUri);
  await installation.addClient({
    id: 'television',
    name: 'Scherm in de hal',
    profile: 'app',
    grants: ['device', 'refresh'],
  });
  television = await RelyingParty.discover(installation.url, 'television', '', '');
  person = await addEnrolledPerson(installation, new Laptop(), web);
});
beforeEach(() => installation.d.database.sql`DELETE FROM challenge`);
afterAll(() => installation.close());

const ask = () => oidc.initiateDeviceAuthorization(television.config, { scope: 'openid profile' });
const redeem = (asked: oidc.DeviceAuthorizationResponse) =>
  oidc.genericGrantRequest(television.config, 'urn:ietf:params:oauth:grant-type:device_code', {
    device_code: asked.device_code,
  });
const later = () => installation.d.database.sql`UPDATE oidc_payload SET polled_at = NULL`;
/** With the parts that Laptop's `submit` leaves alone. */
const form = (laptop: Laptop, more: Record<string, string>) => laptop.submit('/oidc/device', more);

/** Types the code and says that it is one's own device. */
async function confirm(laptop: Laptop, asked: oidc.DeviceAuthorizationResponse) {
  await laptop.open(asked.verification_uri);
  await form(laptop, { user_code: asked.user_code });
  return form(laptop, { user_code: asked.user_code.replace('-', ''), confirm: 'yes' });
}

async function approve(laptop: Laptop) {
  const here = laptop.page.url;
  expect((await person.phone.approve(laptop.number)).status).toBe(200);
  return laptop.open(here);
}

describe('a device without a keyboard', () => {
  it('is let in by who types its code, sees who asks, and proves both factors', async () => {
    const asked = await ask();
    expect(asked.interval).toBe(5);
    expect(asked.user_code).toMatch(/^[A-Z]{4}-[A-Z]{4}$/);
    await expect(redeem(asked)).rejects.toMatchObject({ error: 'authorization_pending' });
    await expect(redeem(asked)).rejects.toMatchObject({ error: 'slow_down' });
    const laptop = new Laptop();
    await laptop.open(asked.verification_uri);
    expect(laptop.title).toBe('Apparaat aanmelden');
    await form(laptop, { user_code: asked.user_code.toLowerCase().replace('-', ' ') });
    expect(laptop.title).toBe('Is dit uw apparaat?');
    expect(laptop.page.html).toContain('Scherm in de hal');
    expect(laptop.page.html).toContain(asked.user_code);
    await form(laptop, { confirm: 'yes' });
    expect(laptop.title).toBe('Aanmelden');
    const stored = JSON.stringify(await installation.d.database.sql`SELECT payload FROM oidc_payload`);
    expect(stored).not.toContain(asked.device_code);
    await laptop.submit('/password', { email: person.email, password: person.password });
    await approve(laptop);
    expect(laptop.title).toBe('Uw apparaat is aangemeld');
    await later();
    const tokens = await redeem(asked);
    expect(tokens.claims()).toMatchObject({ sub: person.accountId, acr: 'urn:dubbelslot:acr:mfa' });
    expect(tokens.refresh_token).toBeDefined();
    await later();
    await expect(redeem(asked)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('needs a second factor given now, though the browser is signed in with one', async () => {
    const laptop = new Laptop();
    const request = await givePassword(laptop, web, person, { acr_values: 'mfa' });
    await web.redeem(request, (await approveAndGoOn(laptop, person.phone, web)).url);
    await installation.d.database.sql`DELETE FROM challenge`;
    const asked = await ask();
    await confirm(laptop, asked);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    await expect(redeem(asked)).rejects.toMatchObject({ error: 'authorization_pending' });
    await approve(laptop);
    expect(laptop.title).toBe('Uw apparaat is aangemeld');
    await later();
    expect((await redeem(asked)).claims()!.acr).toBe('urn:dubbelslot:acr:mfa');
  });

  it('is not let in when the person says that it is not theirs, or denies it on the phone', async () => {
    const asked = await ask();
    const laptop = new Laptop();
    await laptop.open(asked.verification_uri);
    await form(laptop, { user_code: asked.user_code });
    await form(laptop, { abort: 'yes' });
    expect(laptop.page.html).toContain('Het apparaat is niet aangemeld');
    await expect(redeem(asked)).rejects.toMatchObject({ error: 'access_denied' });
  });

  it('gets its own link, which still asks whether it is one’s own device', async () => {
    const asked = await ask();
    const laptop = new Laptop();
    await laptop.open(asked.verification_uri_complete!);
    await form(laptop, {});
    expect(laptop.title).toBe('Is dit uw apparaat?');
    expect(laptop.page.html).toContain('Heeft iemand u deze code of een link gestuurd');
  });

  it('let in, and its code redeemed by twenty at once, gets tokens once', async () => {
    for (let time = 0; time < 3; time += 1) {
      await installation.d.database.sql`DELETE FROM challenge`;
      const asked = await ask();
      const laptop = new Laptop();
      await confirm(laptop, asked);
      await laptop.submit('/password', { email: person.email, password: person.password });
      await approve(laptop);
      expect(fulfilled(await together(20, () => redeem(asked)))).toHaveLength(1);
    }
  });
});

describe('one code, typed in two browsers', () => {
  it('lets in the one that was first, and the other learns that it is too late', async () => {
    const asked = await ask();
    const titles: string[] = [];
    for (const laptop of [new Laptop(), new Laptop()]) {
      await installation.d.database.sql`DELETE FROM challenge`;
      await confirm(laptop, asked);
      if (laptop.title === 'Aanmelden') {
        await laptop.submit('/password', { email: person.email, password: person.password });
        await approve(laptop);
      }
      titles.push(laptop.title);
    }
    expect(titles[0]).toBe('Uw apparaat is aangemeld');
    expect(titles[1]).not.toBe('Uw apparaat is aangemeld');
  });

  it('lets one of them go on, when both say at the same moment that it is theirs', async () => {
    for (let time = 0; time < 5; time += 1) {
      const asked = await ask();
      const laptops = [new Laptop(), new Laptop(), new Laptop()];
      for (const laptop of laptops) {
        await laptop.open(asked.verification_uri);
        await form(laptop, { user_code: asked.user_code });
      }
      await together(laptops.length, (index) =>
        form(laptops[index]!, { user_code: asked.user_code.replace('-', ''), confirm: 'yes' }),
      );
      expect(laptops.filter(({ title }) => title === 'Aanmelden')).toHaveLength(1);
      expect(laptops.map(({ page }) => page.status).every((status) => status < 500)).toBe(true);
    }
  });

  it('is asked for by its form alone: any other address below goes there', async () => {
    const answer = await fetch(`${installation.url}/oidc/device/anything`, { redirect: 'manual' });
    expect(answer.status).toBe(303);
  });
});

describe('codes that are guessed', () => {
  it('are told to be wrong in words, and soon not looked at any more', async () => {
    const laptop = new Laptop();
    await laptop.open(`${installation.url}/oidc/device`);
    await form(laptop, { user_code: '' });
    expect(laptop.page.html).toContain('Typ de code die op uw apparaat staat.');
    for (let time = 0; time < 5; time += 1) await form(laptop, { user_code: 'BBBB-BBBB' });
    expect(laptop.page.html).toContain('Deze code kennen wij niet');
    const asked = await ask();
    await form(laptop, { user_code: asked.user_code });
    expect(laptop.page.html).toContain('te vaak een verkeerde code');
    installation.clock.advance(31);
    await form(laptop, { user_code: asked.user_code });
    expect(laptop.title).toBe('Is dit uw apparaat?');
    installation.clock.reset();
  });

  it('can be typed by nobody else: the form belongs to the browser that opened it', async () => {
    const asked = await ask();
    const answer = await fetch(`${installation.url}/oidc/device`, {
      method: 'POST',
      headers: { accept: 'text/html' },
      body: new URLSearchParams({ user_code: asked.user_code, confirm: 'yes', xsrf: 'guessed' }),
    });
    expect(answer.url).toBe(`${installation.url}/oidc/device`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('Typ de code die op uw apparaat staat.');
    await expect(redeem(asked)).rejects.toMatchObject({ error: 'authorization_pending' });
  });
});
