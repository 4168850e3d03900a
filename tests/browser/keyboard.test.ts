import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stage } from '../support/stage.ts';
import { totpCode } from '../support/totp.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage?.strike());

/** Further than this nobody presses Tab. */
const MOST_TABS = 25;

/** What has the focus: its name, whether that is seen, and where it stands in the page. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement as HTMLElement;
    const label = (element as HTMLInputElement).labels?.[0]?.textContent ?? '';
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const { top, bottom, height } = element.getBoundingClientRect();
    const all = [...document.querySelectorAll('a, button, input, summary, select, textarea')];
    return {
      name: (element.getAttribute('aria-label') || label || element.textContent || '').trim(),
      isSeen: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2,
      isInView: height > 0 && bottom > 0 && top < innerHeight,
      place: all.indexOf(element),
    };
  });

/** Presses Tab until the focus is on what is called so, and looks at every stop on the way. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  let last = -1;
  for (let presses = 0; presses <= MOST_TABS; presses += 1) {
    const now = await focused(page);
    if (now.place >= 0) {
      expect(now, `${page.url()}: ${now.name}`).toMatchObject({ isSeen: true, isInView: true });
      // In the order of the page (WCAG 2.2, 2.4.3); at its end it begins anew.
      if (now.place < last) last = -1;
      expect(now.place).toBeGreaterThanOrEqual(last);
      last = now.place;
      if (typeof name === 'string' ? now.name === name : name.test(now.name)) return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`No ${name} within ${MOST_TABS} presses of Tab at ${page.url()}`);
}
const press = async (page: Page, name: string | RegExp): Promise<void> => {
  await tabTo(page, name);
  await page.keyboard.press('Enter');
};
const type = async (page: Page, field: string | RegExp, text: string): Promise<void> => {
  await tabTo(page, field);
  await page.keyboard.type(text);
};

describe('with a keyboard alone', () => {
  it('somebody signs in, sets up a code app, and signs in with it, always seeing where they are', {
    timeout: 60_000,
  }, async () => {
    const person = await stage.installation.addPerson();
    const laptop = await stage.openLaptop();
    const givePassword = async () => {
      const request = await stage.rp.request();
      await laptop.goto(request.url);
      await type(laptop, 'E-mailadres', person.email);
      await type(laptop, 'Wachtwoord', person.password);
      await laptop.keyboard.press('Enter');
      return request;
    };
    // A mistake brings the focus to where it is to be mended.
    const refused = await stage.rp.request();
    await laptop.goto(refused.url);
    await type(laptop, 'E-mailadres', person.email);
    await type(laptop, 'Wachtwoord', 'not this one');
    await laptop.keyboard.press('Enter');
    await laptop.waitForSelector('[role=alert]');
    expect(await focused(laptop)).toMatchObject({ name: 'Wachtwoord', isSeen: true });

    const first = await givePassword();
    await laptop.waitForSelector('h1:has-text("Meer informatie vereist")');
    await press(laptop, 'Volgende');
    await laptop.waitForURL('**/mfa/setup');
    await press(laptop, /andere app of een sleutel/);
    await laptop.waitForURL('**/mfa/setup/choose');
    await press(laptop, /^Een andere app, met codes/);
    await laptop.waitForSelector('#code');
    const secret = (await laptop.textContent('.typed'))!.replaceAll(/\s/g, '');
    await type(laptop, /code/i, totpCode(secret, stage.installation.clock.now()));
    await laptop.keyboard.press('Enter');
    await laptop.waitForURL('**/mfa/setup/done');
    await press(laptop, /Doorgaan naar Zaaksysteem/);
    await laptop.waitForSelector('#app');
    expect((await stage.rp.redeem(first, laptop.url())).claims()!.acr).toBe('urn:dubbelslot:acr:mfa');

    await laptop.context().clearCookies();
    stage.installation.clock.advance(60);
    const second = await givePassword();
    await laptop.waitForSelector('#code');
    await type(laptop, /code/i, totpCode(secret, stage.installation.clock.now()));
    await laptop.keyboard.press('Enter');
    await laptop.waitForSelector('#app');
    expect((await stage.rp.redeem(second, laptop.url())).claims()!.amr).toContain('otp');
    expect(laptop.errors).toEqual([]);
  });
});

describe('somebody who needs longer', () => {
  for (const [locale, stay, over] of [
    ['nl-NL', /Aangemeld blijven/, 'U bent afgemeld'],
    ['en-GB', /Stay signed in/, 'You are signed out'],
  ] as const)
    it(`is told two minutes ahead, and stays by pressing a button, ${locale}`, async () => {
      const { installation } = stage;
      const person = await stage.addEnrolledPerson({ locale });
      const laptop = await stage.openLaptop({ locale });
      await laptop.clock.install();
      await laptop.goto(`${installation.url}/mfa`);
      await laptop.fill('#email', person.email);
      await laptop.fill('#password', person.password);
      await laptop.keyboard.press('Enter');
      await person.phone.approve((await laptop.textContent('.number'))!);
      await laptop.waitForURL('**/mfa');
      const region = laptop.locator('[role=alert][data-idle]');
      const away = async (minutes: number): Promise<void> => {
        installation.clock.advance(minutes * 60);
        await laptop.clock.fastForward(minutes * 60_000);
      };
      await away(57);
      expect(await region.textContent()).toBe('');
      await away(2);
      await stage.shot(laptop, `${locale.slice(0, 2)}-idle-1280`);
      const answered = laptop.waitForResponse('**/mfa/stay');
      await laptop.getByRole('button', { name: stay }).press('Enter');
      expect((await answered).status()).toBe(204);
      await expect.poll(() => region.textContent()).toBe('');
      // Longer than the hour after which the session opens no web app any more, and still here.
      await away(30);
      await laptop.reload();
      expect(new URL(laptop.url()).pathname).toBe('/mfa');
      // Too late: it says so, and touches nothing of the page.
      await away(59);
      await away(2);
      expect(await region.textContent()).toContain(over);
      expect(await laptop.getByRole('button', { name: stay }).count()).toBe(0);
      await laptop.reload();
      expect(new URL(laptop.url()).pathname).not.toBe('/mfa');
      installation.clock.reset();
      expect(laptop.errors).toEqual([]);
    });
});
