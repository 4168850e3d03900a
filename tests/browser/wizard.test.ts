import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readQr } from '../support/qr.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage?.strike());

describe('the wizard', () => {
  it('survives a reload, the back button, a second tab and a phone that refuses notifications', async () => {
    const { account, ...person } = await stage.installation.addPerson();
    const laptop = await stage.openLaptop();
    const request = await stage.givePassword(laptop, person);
    await laptop.click('button:has-text("Volgende")');
    await laptop.click('a.button:has-text("Volgende")');
    await laptop.waitForURL('**/mfa/setup/scan');
    const qr = await readQr(laptop);
    await laptop.reload();
    expect(await readQr(laptop)).toBe(qr);
    await laptop.goBack();
    await laptop.waitForURL('**/mfa/setup');
    await laptop.goForward();
    expect(await readQr(laptop)).toBe(qr);
    const tab = await laptop.context().newPage();
    await tab.goto(`${stage.installation.url}/mfa/setup/scan`);
    expect(await readQr(tab)).toBe(qr);

    const phone = await stage.openPhone({ notifications: 'denied' });
    await phone.openEnrolmentLink(qr);
    await phone.waitForScreen('added');
    expect(await phone.page.textContent('.screen')).toContain('geblokkeerd');
    // Both tabs notice.
    await laptop.waitForSelector('.notice.good');
    await tab.waitForSelector('.notice.good');
    await tab.close();
    await laptop.click('button:has-text("Volgende")');
    await laptop.waitForURL('**/mfa/setup/test');
    await laptop.reload();
    // The pull leg: no notification, the open app shows the request by itself.
    await phone.approve((await laptop.textContent('.number'))!);
    await laptop.waitForURL('**/mfa/setup/done');
    await laptop.goBack();
    await laptop.waitForURL('**/mfa/setup/done');
    await laptop.click('a.button:has-text("Doorgaan naar Zaaksysteem")');
    await laptop.waitForSelector('#app');
    expect((await stage.rp.redeem(request, laptop.url())).claims()!.sub).toBe(account.id);
    expect(laptop.errors).toEqual([]);
    expect(phone.errors).toEqual([]);

    // And the next sign-in too.
    const next = await stage.openLaptop();
    await stage.givePassword(next, person);
    await phone.approve((await next.textContent('.number'))!);
    await next.waitForSelector('#app');
    await phone.close();
  });

  it('keeps its first request on the phone’s screen, however slowly the screen before it was drawn', async () => {
    const { account: _account, ...person } = await stage.installation.addPerson();
    const laptop = await stage.openLaptop();
    await stage.givePassword(laptop, person);
    await laptop.click('button:has-text("Volgende")');
    await laptop.click('a.button:has-text("Volgende")');
    const phone = await stage.openPhone();
    // The screen "added" waits for this call before it draws.
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let isWaiting = false;
    await phone.context.route('**/app/api/subscription', async (route) => {
      isWaiting = true;
      await held;
      await route.continue();
    });
    await phone.openEnrolmentLink(await readQr(laptop));
    await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    if ((await phone.page.getAttribute('html', 'data-screen')) === 'notifications')
      await phone.page.locator('.screen .button').last().click();
    await phone.waitForScreen('added');
    await laptop.waitForSelector('form[action="/mfa/setup/test"] button');
    await laptop.click('form[action="/mfa/setup/test"] button');
    await phone.page.waitForSelector('#number');
    if (isWaiting) {
      const arrived = phone.page.waitForResponse('**/app/api/subscription');
      goOn();
      await arrived;
    }
    await phone.page.waitForTimeout(200);
    await phone.approve((await laptop.textContent('.number'))!);
    await laptop.waitForURL('**/mfa/setup/done');
    expect(isWaiting).toBe(true);
    await phone.close();
    await laptop.context().close();
  });

  it('shows a new code when the ten minutes are over and the password was given again', async () => {
    const { account: _account, ...person } = await stage.installation.addPerson();
    const laptop = await stage.openLaptop();
    await stage.givePassword(laptop, person);
    await laptop.click('button:has-text("Volgende")');
    await laptop.click('a.button:has-text("Volgende")');
    const old = await readQr(laptop);
    stage.installation.clock.advance(601);
    await laptop.reload();
    await laptop.waitForSelector('h1:has-text("Het instellen duurde te lang")');
    await stage.shot(laptop, 'nl-wizard-expired-1280');
    const phone = await stage.openPhone();
    await phone.openEnrolmentLink(old);
    await phone.page.waitForSelector('text=Deze code is verlopen');
    await stage.shot(phone.page, 'nl-phone-code-expired-390');
    await laptop.click('a.button:has-text("Opnieuw beginnen")');
    // Back at the same sign-in, for the same web app, but with the password again.
    await laptop.waitForSelector('text=Zaaksysteem');
    await laptop.fill('#email', person.email);
    await laptop.fill('#password', person.password);
    await laptop.click('form button[type=submit]');
    await laptop.click('button:has-text("Volgende")');
    await laptop.click('a.button:has-text("Volgende")');
    const fresh = await readQr(laptop);
    expect(fresh).not.toBe(old);
    await phone.openEnrolmentLink(fresh);
    await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    expect(new URL(laptop.url()).pathname).toBe('/mfa/setup/scan');
    stage.installation.clock.advance(-601);
    await phone.close();
  });
});

describe('in English, on a small screen, in the dark', () => {
  it('the story reads just as well', async () => {
    const { account: _account, ...person } = await stage.installation.addPerson(undefined, { locale: 'en' });
    const laptop = await stage.openLaptop({ locale: 'en-GB', colorScheme: 'dark', width: 390 });
    const phone = await stage.openPhone({ locale: 'en-GB', colorScheme: 'dark' });
    await laptop.goto((await stage.rp.request()).url);
    await stage.shot(laptop, 'en-dark-sign-in-390');
    const request = await stage.givePassword(laptop, person);
    await laptop.waitForSelector('h1:has-text("More information required")');
    await stage.shot(laptop, 'en-dark-more-info-390');
    await laptop.click('button:has-text("Next")');
    await stage.shot(laptop, 'en-dark-wizard-app-390');
    await laptop.click('a.button:has-text("Next")');
    await stage.shot(laptop, 'en-dark-wizard-scan-390');
    await phone.openEnrolmentLink(await readQr(laptop));
    await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    await stage.shot(phone.page, 'en-dark-phone-notifications-390');
    if ((await phone.page.getAttribute('html', 'data-screen')) === 'notifications') {
      await phone.page.getByRole('button', { name: 'Allow notifications' }).click();
    }
    await phone.waitForScreen('added');
    const push = stage.service.next();
    await laptop.click('button:has-text("Next")');
    expect(JSON.parse((await push).data).notification.title).toBe('Confirm sign-in?');
    await stage.shot(laptop, 'en-dark-wizard-test-390');
    await phone.waitForScreen('request');
    await stage.shot(phone.page, 'en-dark-phone-request-390');
    await phone.approve((await laptop.textContent('.number'))!);
    await laptop.waitForURL('**/mfa/setup/done');
    await stage.shot(laptop, 'en-dark-wizard-done-390');
    await laptop.click('a.button:has-text("Continue to Zaaksysteem")');
    await laptop.waitForSelector('#app');
    expect((await stage.rp.redeem(request, laptop.url())).claims()!.acr).toBe('urn:dubbelslot:acr:mfa');
    await phone.close();
  });
});

describe('the companion app', () => {
  it('keeps its list, shows what happened, works offline as far as it can, and forgets an account', async () => {
    const person = await stage.addEnrolledPerson();
    const { page, context } = person.phone;
    await page.goto(`${stage.installation.url}/app`);
    await page.waitForSelector('html[data-ready]');
    await page.waitForSelector(`text=${person.email}`);
    await page.waitForSelector('text=Voorbeeldorganisatie');
    await stage.shot(page, 'nl-phone-list-390');
    await page.getByRole('button', { name: new RegExp(person.email) }).click();
    await page.waitForSelector('text=Goedgekeurd');
    await stage.shot(page, 'nl-phone-account-390');
    await context.setOffline(true);
    await page.goto(`${stage.installation.url}/app`);
    await page.waitForSelector(`text=${person.email}`);
    await page.waitForSelector('text=Geen internet');
    await stage.shot(page, 'nl-phone-offline-390');
    await context.setOffline(false);
    await page.goto(`${stage.installation.url}/app`);
    await page.getByRole('button', { name: new RegExp(person.email) }).click();
    await page.getByRole('button', { name: 'Account verwijderen van deze telefoon' }).click();
    await stage.shot(page, 'nl-phone-remove-390');
    await page.getByRole('button', { name: 'Verwijderen', exact: true }).click();
    await page.waitForSelector('text=Nog geen account');
    const [phone] = (await stage.installation.d.authenticators.ofAccount(person.accountId)).filter(
      ({ kind }) => kind === 'push',
    );
    expect(phone!.state).toBe('removed');
    await person.phone.close();
  });

  it('has a private key that nobody can read out, this page’s own scripts included', async () => {
    const person = await stage.addEnrolledPerson();
    const outcome = await person.phone.page.evaluate(async () => {
      const db = await new Promise<IDBDatabase>((resolve) => {
        const request = indexedDB.open('dubbelslot', 1);
        request.onsuccess = () => resolve(request.result);
      });
      const accounts = await new Promise<{ keys: { privateKey: CryptoKey } }[]>((resolve) => {
        const request = db.transaction('accounts').objectStore('accounts').getAll();
        request.onsuccess = () => resolve(request.result);
      });
      const { privateKey } = accounts[0]!.keys;
      const exported = await crypto.subtle.exportKey('jwk', privateKey).then(
        () => 'exported',
        (error: Error) => error.name,
      );
      return { exported, extractable: privateKey.extractable, usages: privateKey.usages };
    });
    expect(outcome).toEqual({ exported: 'InvalidAccessError', extractable: false, usages: ['sign'] });
    await person.phone.close();
  });

  it('is installable: manifest, icons and a worker in its scope', async () => {
    const manifest = (await (await fetch(`${stage.installation.url}/app/manifest.webmanifest`)).json()) as {
      icons: { src: string; sizes: string; type: string }[];
      start_url: string;
      display: string;
    };
    expect(manifest).toMatchObject({ start_url: '/app', display: 'standalone' });
    for (const { src, type } of manifest.icons) {
      const icon = await fetch(stage.installation.url + src);
      expect(icon.status, src).toBe(200);
      expect(icon.headers.get('content-type')).toBe(type);
    }
    const worker = await fetch(`${stage.installation.url}/app/worker.js`);
    expect(worker.headers.get('service-worker-allowed')).toBe('/app');
    expect(await worker.text()).not.toContain('__');
  });

  it('on an iPhone explains the home screen before it asks for anything', async () => {
    const context = await stage.launched.browser.newContext({
      userAgent:
        'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
      viewport: { width: 390, height: 844 },
      locale: 'nl-NL',
    });
    const page = await context.newPage();
    await page.goto(`${stage.installation.url}/app#e=0000`);
    await page.waitForSelector('text=Zet de app eerst op uw beginscherm');
    await stage.shot(page, 'nl-phone-ios-390');
    expect(await page.locator('button').count()).toBe(0);
    await context.close();
  });
});
