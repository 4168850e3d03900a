import { existsSync } from 'node:fs';
import puppeteer, { type Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { MozillaPushService } from '../support/mozilla-push-service.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { givePassword } from '../support/story.ts';

const FIREFOX = ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find((path) => existsSync(path));

/** Stock Firefox as the phone: its own subscription, its own decryption, nothing replaced. */
describe.skipIf(!FIREFOX)('a real Firefox (needs Debian’s firefox-esr; .ci/run installs it)', () => {
  let push: MozillaPushService;
  let installation: TestInstallation;
  let rp: RelyingParty;
  let firefox: Browser;

  beforeAll(async () => {
    push = await MozillaPushService.start();
    installation = await startInstallation({}, { testPushOrigin: push.origin });
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
    rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
    firefox = await puppeteer.launch({
      browser: 'firefox',
      executablePath: FIREFOX!,
      headless: true,
      extraPrefsFirefox: {
        'dom.push.enabled': true,
        'dom.push.connection.enabled': true,
        'dom.push.serverURL': push.socketUrl,
        'dom.push.testing.allowInsecureServerURL': true,
        'dom.push.alwaysConnect': true,
        'permissions.default.desktop-notification': 1,
        'alerts.useSystemBackend': false,
        'network.captive-portal-service.enabled': false,
        'network.connectivity-service.enabled': false,
        'intl.accept_languages': 'nl',
      },
    });
  }, 120_000);
  afterAll(async () => {
    await firefox?.close();
    await installation?.close();
    push?.close();
  });

  it('subscribes, enrols, receives an encrypted push and approves', async () => {
    const person = await installation.addPerson();
    const laptop = new Laptop();
    await givePassword(laptop, rp, person);
    await laptop.submit('/enrol');
    await laptop.open(`${installation.url}/mfa/setup/scan`);
    const phone = await firefox.newPage();
    await phone.goto(`${installation.url}/app#e=${laptop.typedCode.replaceAll('-', '')}`);
    await phone.waitForSelector('html[data-screen=confirm]');
    await phone.click('.screen .button');
    await phone.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    await expect
      .poll(async () => (await installation.d.database.sql`SELECT 1 FROM push_subscription`).length, {
        timeout: 20_000,
      })
      .toBe(1);
    await laptop.open(`${installation.url}/mfa/setup/scan`);
    const arrived = push.nextAcknowledged();
    await laptop.submit('/mfa/setup/test');
    // Firefox acknowledges with code 100 what it could decrypt and hand to the worker.
    expect(await arrived).toBe(100);
    await phone.waitForSelector('html[data-screen=request]');
    // The screen may open by the event stream, before the worker has shown the notification.
    const titles = () =>
      phone.evaluate(async () => {
        const registration = await navigator.serviceWorker.ready;
        return (await registration.getNotifications()).map(({ title }) => title);
      });
    await expect.poll(titles).toEqual(['Aanmelden bevestigen?']);
    await phone.type('#number', laptop.number);
    await phone.click('.screen form button[type=submit]');
    await phone.waitForSelector('html[data-screen=result]');
    await laptop.open(`${installation.url}/mfa/setup/test`);
    expect(laptop.title).toBe('Uw telefoon is klaar voor gebruik');
  }, 120_000);
});
