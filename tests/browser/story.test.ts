import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrowserPhone } from '../support/browser-phone.ts';
import { type LaunchedBrowser, launchChromium, screenshotFolder } from '../support/chromium.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { PushService } from '../support/push-service.ts';
import { filmQr, readQr } from '../support/qr.ts';
import { type AuthorizationRequest, RelyingParty } from '../support/relying-party.ts';

let installation: TestInstallation;
let rp: RelyingParty;
let service: PushService;
let launched: LaunchedBrowser;
const cameraFile = join(mkdtempSync(join(tmpdir(), 'dubbelslot-camera-')), 'camera.y4m');

beforeAll(async () => {
  mkdirSync(screenshotFolder, { recursive: true });
  service = await PushService.start();
  installation = await startInstallation({}, { testPushOrigin: service.origin });
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', name: 'Zaaksysteem', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
  await rp.listen();
  filmQr(cameraFile, 'nothing yet');
  launched = await launchChromium(cameraFile);
});
afterAll(async () => {
  await launched?.browser.close();
  rp?.close();
  await installation?.close();
  service?.close();
});

const openLaptop = async (
  options: { locale?: string; javaScriptEnabled?: boolean; colorScheme?: 'dark' | 'light' } = {},
): Promise<Page> => {
  const context = await launched.browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'nl-NL',
    ...options,
  });
  return context.newPage();
};
const openPhone = (options: { locale?: string; colorScheme?: 'dark' | 'light' } = {}): Promise<BrowserPhone> =>
  BrowserPhone.open(launched, installation.url, { service, vapidPublicKey: installation.d.vapid.publicKey }, options);
const shot = (page: Page, name: string): Promise<unknown> =>
  page.screenshot({ path: join(screenshotFolder, `${name}.png`), fullPage: true });

async function signInWithPassword(
  laptop: Page,
  who: { email: string; password: string },
  more: Record<string, string> = {},
): Promise<AuthorizationRequest> {
  const request = await rp.request(more);
  await laptop.goto(request.url);
  await laptop.fill('#email', who.email);
  await laptop.fill('#password', who.password);
  await laptop.click('form button[type=submit]');
  return request;
}

describe('the story', () => {
  it('enrols a phone by its camera and signs in by approving a push, in Dutch', async () => {
    const person = await installation.addPerson();
    const laptop = await openLaptop();
    const phone = await openPhone();

    const request = await rp.request();
    await laptop.goto(request.url);
    await shot(laptop, 'nl-sign-in-1280');
    const first = await signInWithPassword(laptop, person);
    await laptop.waitForSelector('h1:has-text("Meer informatie vereist")');
    await shot(laptop, 'nl-more-info-1280');
    await laptop.click('button:has-text("Volgende")');
    await laptop.waitForURL('**/mfa/setup');
    expect(await readQr(laptop)).toBe(`${installation.url}/app`);
    await shot(laptop, 'nl-wizard-app-1280');
    await laptop.click('a.button:has-text("Volgende")');
    await laptop.waitForURL('**/mfa/setup/scan');
    await shot(laptop, 'nl-wizard-scan-1280');
    const qr = await readQr(laptop);
    expect(qr).toMatch(new RegExp(`^${installation.url}/app#e=[0-9A-HJKMNP-TV-Z]{26}$`));

    await phone.start();
    await shot(phone.page, 'nl-phone-empty-390');
    await phone.page.getByRole('button', { name: 'Account toevoegen' }).first().click();
    await shot(phone.page, 'nl-phone-add-390');
    await phone.page.getByRole('button', { name: /Werk- of schoolaccount/ }).click();
    filmQr(cameraFile, qr);
    await phone.page.getByRole('button', { name: 'QR-code scannen' }).click();
    await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    if ((await phone.page.getAttribute('html', 'data-screen')) === 'notifications') {
      await shot(phone.page, 'nl-phone-notifications-390');
      await phone.page.getByRole('button', { name: 'Meldingen toestaan' }).click();
    }
    await phone.waitForScreen('added');
    await shot(phone.page, 'nl-phone-added-390');

    await laptop.waitForSelector(`text=${person.email}`);
    await shot(laptop, 'nl-wizard-bound-1280');
    const testPush = service.next();
    await laptop.click('button:has-text("Volgende")');
    await laptop.waitForURL('**/mfa/setup/test');
    await shot(laptop, 'nl-wizard-test-1280');
    await phone.deliver((await testPush).data);
    await phone.waitForScreen('request');
    await shot(phone.page, 'nl-phone-test-390');
    await phone.approve((await laptop.textContent('.number'))!);
    await phone.waitForScreen('result');
    await laptop.waitForURL('**/mfa/setup/done');
    await shot(laptop, 'nl-wizard-done-1280');
    await laptop.click('a.button:has-text("Doorgaan naar Zaaksysteem")');
    await laptop.waitForSelector('#app');
    expect((await rp.redeem(first, laptop.url())).claims()!.acr).toBe('urn:dubbelslot:acr:mfa');

    // The next morning: another browser session.
    const next = await openLaptop();
    const push = service.next();
    const second = await signInWithPassword(next, person);
    await next.waitForSelector('.number');
    await shot(next, 'nl-approve-1280');
    const message = await push;
    expect(JSON.parse(message.data)).toEqual({
      web_push: 8030,
      notification: {
        title: 'Aanmelden bevestigen?',
        body: 'Tik om het verzoek te bekijken.',
        navigate: expect.stringContaining('/app#c='),
      },
      challenge: expect.any(String),
    });
    await phone.deliver(message.data);
    await phone.waitForScreen('request');
    expect((await phone.notifications()).map(({ title }) => title)).toContain('Aanmelden bevestigen?');
    await shot(phone.page, 'nl-phone-request-390');
    await phone.approve((await next.textContent('.number'))!);
    await next.waitForSelector('#app', { timeout: 5000 });
    const claims = (await rp.redeem(second, next.url())).claims()!;
    expect(claims.amr).toEqual(['pwd', 'pop', 'swk', 'mca', 'mfa']);
    await phone.waitForScreen('result');
    await shot(phone.page, 'nl-phone-approved-390');
    expect(phone.errors).toEqual([]);
  });
});
