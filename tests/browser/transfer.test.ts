import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readQr } from '../support/qr.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage?.strike());

describe('two phones', () => {
  it('the old one hands its account to the new one, by a QR code and an approval', async () => {
    const person = await stage.addEnrolledPerson();
    const old = person.phone.page;
    await old.reload();
    await old.waitForSelector('html[data-ready]');
    await old.click('.account');
    await old.waitForSelector('.own-code');
    await stage.shot(old, 'nl-phone-account-390');
    await old.getByRole('button', { name: 'Overzetten naar een nieuwe telefoon' }).click();
    await old.waitForSelector('.qr-frame svg');
    await stage.shot(old, 'nl-phone-transfer-390');
    const next = await stage.openPhone();
    await next.openEnrolmentLink(await readQr(old));
    await next.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    if ((await next.page.getAttribute('html', 'data-screen')) === 'notifications')
      await next.page.locator('.screen .button').first().click();
    await next.page.waitForSelector('text=Pak nu uw oude telefoon');
    await stage.shot(next.page, 'nl-phone-transfer-new-390');
    await old.waitForSelector('h1:has-text("Is dit uw nieuwe telefoon?")');
    await stage.shot(old, 'nl-phone-transfer-confirm-390');
    await old.getByRole('button', { name: 'Ja, overzetten' }).click();
    await person.phone.waitForScreen('transferred');
    await stage.shot(old, 'nl-phone-transferred-390');
    await next.waitForScreen('list');
    const laptop = await stage.openLaptop();
    await stage.givePassword(laptop, person);
    await next.approve((await laptop.textContent('.number'))!);
    await laptop.waitForSelector('#app');
    await old.getByRole('button', { name: 'Uw accounts' }).click();
    await old.waitForSelector('text=Nog geen account');
    await laptop.context().close();
    await person.phone.close();
    await next.close();
  });

  it('a phone without network shows a code that signs in, in English', async () => {
    const person = await stage.addEnrolledPerson({ locale: 'en-GB', colorScheme: 'dark' });
    const phone = person.phone.page;
    await phone.reload();
    await phone.waitForSelector('html[data-ready]');
    await person.phone.context.setOffline(true);
    await phone.reload();
    await phone.click('.account');
    await phone.waitForSelector('.own-code:not(:empty)');
    await stage.shot(phone, 'en-dark-phone-account-offline-390');
    const laptop = await stage.openLaptop({ locale: 'en-GB' });
    const request = await stage.givePassword(laptop, person);
    await laptop.getByRole('link', { name: 'Confirm in another way' }).click();
    await laptop.getByRole('link', { name: /Code from an app/ }).click();
    await laptop.fill('#code', (await phone.textContent('.own-code'))!);
    await laptop.keyboard.press('Enter');
    await laptop.waitForSelector('#app');
    expect((await stage.rp.redeem(request, laptop.url())).claims()!.amr).toEqual(['pwd', 'otp', 'mfa']);
    await laptop.context().close();
    await person.phone.close();
  });
});
