import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Apache } from '../support/apache.ts';
import { freePort } from '../support/ports.ts';
import { Stage } from '../support/stage.ts';

/** Debian's mod_auth_openidc, as docs/integrations/apache.md sets it up: `.ci/run` installs it. */
const isHere = Apache.isInstalled();

describe.skipIf(!isHere)('Apache behind mod_auth_openidc (skipped where Debian’s package is not installed)', () => {
  let stage: Stage;
  let apache: Apache;

  beforeAll(async () => {
    stage = await Stage.set();
    const origin = `http://localhost:${await freePort()}`;
    const secret = await stage.installation.addClient({
      id: 'zaaksysteem',
      name: 'Zaaksysteem',
      redirectUris: [`${origin}/secure/callback`],
      postLogoutRedirectUris: [`${origin}/`],
      logoutUri: `${origin}/secure/callback?logout=backchannel`,
    });
    apache = await Apache.start({ issuer: stage.installation.url, clientId: 'zaaksysteem', secret, origin });
  });
  afterAll(async () => {
    await apache?.stop();
    await stage?.strike();
  });

  /** A person who opened the application and proved both factors. */
  async function signedIn() {
    const person = await stage.addEnrolledPerson();
    const laptop = await stage.openLaptop();
    await laptop.goto(`${apache.origin}/secure/`);
    await laptop.fill('#email', person.email);
    await laptop.fill('#password', person.password);
    await laptop.click('form button[type=submit]');
    await person.phone.approve((await laptop.textContent('.number'))!);
    await laptop.waitForSelector('#app');
    return { person, laptop };
  }

  it('lets in who has proven two factors, asks for a key where that is required, and signs out', async () => {
    const { person, laptop } = await signedIn();
    expect(laptop.url(), apache.log()).toBe(`${apache.origin}/secure/`);
    expect(await laptop.textContent('#app')).toBe('secure');

    // A step-up: another class than the session has.
    await laptop.goto(`${apache.origin}/secure/strong/`);
    await laptop.getByText('vraagt om een toegangssleutel').waitFor();

    // Signing out at the application ends both sessions, and comes back.
    await laptop.goto(`${apache.origin}/secure/callback?logout=${encodeURIComponent(`${apache.origin}/`)}`);
    await laptop.getByRole('button', { name: 'Ja, overal afmelden' }).click();
    await laptop.waitForSelector('#app');
    expect(laptop.url().startsWith(`${apache.origin}/`)).toBe(true);
    expect(await laptop.textContent('#app')).toBe('start');
    await laptop.goto(`${apache.origin}/secure/`);
    await laptop.waitForSelector('#email');
    expect(laptop.errors).toEqual([]);
    await laptop.context().close();
    await person.phone.close();
  });

  it('forgets its session when that was ended at Dubbelslot', async () => {
    const { person, laptop } = await signedIn();
    const cookies = await laptop.context().cookies(apache.origin);
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    const status = async () =>
      (await fetch(`${apache.origin}/secure/`, { headers: { cookie, accept: 'text/html' }, redirect: 'manual' }))
        .status;
    expect(await status()).toBe(200);
    // “Sign out everywhere”, at Dubbelslot: Apache forgets its session too.
    await stage.installation.d.opSessions.revokeAll(person.accountId, new Date());
    // No redirect for what is no navigation: 401.
    await expect.poll(status).toBe(401);
    await laptop.context().close();
    await person.phone.close();
  });
});
