import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filmQr, readQr } from '../support/qr.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage?.strike());

describe('the story', () => {
  it('enrols a phone by its camera and signs in by approving a push, in Dutch', async () => {
    const person = await stage.installation.addPerson();
    const laptop = await stage.openLaptop();
    const phone = await stage.openPhone();

    const request = await stage.rp.request();
    await laptop.goto(request.url);
    await stage.shot(laptop, 'nl-sign-in-1280');
    const first = await stage.givePassword(laptop, person);
    await laptop.waitForSelector('h1:has-text("Meer informatie vereist")');
    await stage.shot(laptop, 'nl-more-info-1280');
    await laptop.click('button:has-text("Volgende")');
    await laptop.waitForURL('**/mfa/setup');
    expect(await readQr(laptop)).toBe(`${stage.installation.url}/app`);
    await stage.shot(laptop, 'nl-wizard-app-1280');
    await laptop.click('a.button:has-text("Volgende")');
    await laptop.waitForURL('**/mfa/setup/scan');
    await stage.shot(laptop, 'nl-wizard-scan-1280');
    const qr = await readQr(laptop);
    expect(qr).toMatch(new RegExp(`^${stage.installation.url}/app#e=[0-9A-HJKMNP-TV-Z]{26}$`));

    await phone.start();
    await stage.shot(phone.page, 'nl-phone-empty-390');
    await phone.page.getByRole('button', { name: 'Account toevoegen' }).first().click();
    await stage.shot(phone.page, 'nl-phone-add-390');
    await phone.page.getByRole('button', { name: /Werk- of schoolaccount/ }).click();
    filmQr(stage.cameraFile, qr);
    await phone.page.getByRole('button', { name: 'QR-code scannen' }).click();
    await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    if ((await phone.page.getAttribute('html', 'data-screen')) === 'notifications') {
      await stage.shot(phone.page, 'nl-phone-notifications-390');
      await phone.page.getByRole('button', { name: 'Meldingen toestaan' }).click();
    }
    await phone.waitForScreen('added');
    await stage.shot(phone.page, 'nl-phone-added-390');

    await laptop.waitForSelector(`text=${person.email}`);
    await stage.shot(laptop, 'nl-wizard-bound-1280');
    const testPush = stage.service.next();
    await laptop.click('button:has-text("Volgende")');
    await laptop.waitForURL('**/mfa/setup/test');
    await stage.shot(laptop, 'nl-wizard-test-1280');
    await phone.deliver((await testPush).data);
    await phone.waitForScreen('request');
    await stage.shot(phone.page, 'nl-phone-test-390');
    await phone.approve((await laptop.textContent('.number'))!);
    await phone.waitForScreen('result');
    await laptop.waitForURL('**/mfa/setup/done');
    await stage.shot(laptop, 'nl-wizard-done-1280');
    await laptop.click('a.button:has-text("Doorgaan naar Zaaksysteem")');
    await laptop.waitForSelector('#app');
    expect((await stage.rp.redeem(first, laptop.url())).claims()!.acr).toBe('urn:dubbelslot:acr:mfa');

    // The next morning: another browser session.
    const next = await stage.openLaptop();
    const push = stage.service.next();
    const second = await stage.givePassword(next, person);
    await next.waitForSelector('.number');
    await stage.shot(next, 'nl-approve-1280');
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
    // The screen may open by the event stream, before the push has been handled.
    await expect
      .poll(async () => (await phone.notifications()).map(({ title }) => title))
      .toContain('Aanmelden bevestigen?');
    await stage.shot(phone.page, 'nl-phone-request-390');
    await phone.approve((await next.textContent('.number'))!);
    await next.waitForSelector('#app', { timeout: 5000 });
    const claims = (await stage.rp.redeem(second, next.url())).claims()!;
    expect(claims.amr).toEqual(['pwd', 'pop', 'swk', 'mca', 'mfa']);
    await phone.waitForScreen('result');
    await stage.shot(phone.page, 'nl-phone-approved-390');
    expect(phone.errors).toEqual([]);
  });
});
