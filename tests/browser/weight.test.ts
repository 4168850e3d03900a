import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stage } from '../support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage?.strike());

const KILOBYTE = 1024;

/** Everything that a page brings over the wire, headers included, with an empty cache. */
async function wire(page: Page, open: () => Promise<unknown>): Promise<{ bytes: number; origins: string[] }> {
  const cdp = await page.context().newCDPSession(page);
  const origins = new Set<string>();
  let bytes = 0;
  cdp.on('Network.requestWillBeSent', ({ request }) => {
    // A picture that stands in the page itself comes from nowhere.
    if (!request.url.startsWith('data:')) origins.add(new URL(request.url).origin);
  });
  cdp.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await cdp.send('Network.enable');
  await cdp.send('Network.setCacheDisabled', { cacheDisabled: true });
  await open();
  await page.waitForLoadState('networkidle');
  await cdp.detach();
  return { bytes, origins: [...origins] };
}

describe('what everybody opens every morning', () => {
  it('weighs under 30 kilobytes with all that belongs to it, and has nothing from elsewhere', async () => {
    const page = await stage.openLaptop({ width: 390 });
    const request = await stage.rp.request();
    const signIn = await wire(page, () => page.goto(request.url));
    expect(page.url()).toContain('/interaction/');
    expect(signIn.bytes).toBeGreaterThan(5 * KILOBYTE);
    expect(signIn.bytes).toBeLessThan(30 * KILOBYTE);
    expect(signIn.origins).toEqual([stage.installation.url]);
    const person = await stage.installation.addPerson();
    await page.getByLabel('E-mailadres').fill(person.email);
    await page.getByLabel('Wachtwoord', { exact: true }).fill(person.password);
    const next = await wire(page, () => page.getByRole('button', { name: 'Aanmelden', exact: true }).click());
    expect(next.bytes).toBeGreaterThan(5 * KILOBYTE);
    expect(next.bytes).toBeLessThan(30 * KILOBYTE);
    expect(next.origins).toEqual([stage.installation.url]);
  });
});
