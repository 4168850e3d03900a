import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { accessibilityFaults } from './accessibility.ts';
import { BrowserPhone } from './browser-phone.ts';
import { type LaunchedBrowser, launchChromium, screenshotFolder } from './chromium.ts';
import { startInstallation, type TestInstallation } from './installation.ts';
import { PushService } from './push-service.ts';
import { filmQr, readQr } from './qr.ts';
import { type AuthorizationRequest, RelyingParty } from './relying-party.ts';

export interface LaptopOptions {
  readonly locale?: string;
  readonly javaScriptEnabled?: boolean;
  readonly colorScheme?: 'dark' | 'light';
  readonly width?: number;
}

/** A server, a web app, a push service and a browser: everything that a browser test plays on. */
export class Stage {
  readonly installation: TestInstallation;
  readonly rp: RelyingParty;
  readonly service: PushService;
  readonly launched: LaunchedBrowser;
  readonly cameraFile: string;
  readonly #withoutScript = new WeakSet<BrowserContext>();

  private constructor(
    installation: TestInstallation,
    rp: RelyingParty,
    service: PushService,
    launched: LaunchedBrowser,
    cameraFile: string,
  ) {
    this.installation = installation;
    this.rp = rp;
    this.service = service;
    this.launched = launched;
    this.cameraFile = cameraFile;
  }

  static async set(environment: Record<string, string> = {}): Promise<Stage> {
    mkdirSync(screenshotFolder, { recursive: true });
    const service = await PushService.start();
    const installation = await startInstallation(environment, { testPushOrigin: service.origin });
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await installation.addClient({
      id: 'app',
      name: 'Zaaksysteem',
      redirectUris: [redirectUri],
      postLogoutRedirectUris: [new URL('/', redirectUri).href],
    });
    const rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
    await rp.listen();
    const cameraFile = join(mkdtempSync(join(tmpdir(), 'dubbelslot-camera-')), 'camera.y4m');
    filmQr(cameraFile, 'nothing yet');
    return new Stage(installation, rp, service, await launchChromium(cameraFile), cameraFile);
  }

  async strike(): Promise<void> {
    const refused = this.installation.logLines.filter((line) => line.includes('a browser refused'));
    if (refused.length > 0) throw new Error(`a page did what its policy forbids:\n${refused.join('')}`);
    await this.launched.browser.close();
    this.rp.close();
    await this.installation.close();
    this.service.close();
  }

  /** A laptop; a page that breaks the Content-Security-Policy, or throws, is noticed by `errors`. */
  async openLaptop({ width = 1280, ...options }: LaptopOptions = {}): Promise<Page & { errors: string[] }> {
    const context = await this.launched.browser.newContext({
      viewport: { width, height: 800 },
      locale: 'nl-NL',
      ...options,
    });
    if (options.javaScriptEnabled === false) this.#withoutScript.add(context);
    const page = (await context.newPage()) as Page & { errors: string[] };
    page.errors = [];
    page.on('pageerror', (error) => page.errors.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy|Refused/.test(message.text())) page.errors.push(message.text());
    });
    return page;
  }

  openPhone(
    options: { locale?: string; colorScheme?: 'dark' | 'light'; notifications?: 'denied' } = {},
  ): Promise<BrowserPhone> {
    const { notifications, ...more } = options;
    const push = notifications ?? { service: this.service, vapidPublicKey: this.installation.d.vapid.publicKey };
    return BrowserPhone.open(this.launched, this.installation.url, push, more);
  }

  /** A picture for people to look at, and axe-core's opinion: a page that it finds fault with fails the test. */
  async shot(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: join(screenshotFolder, `${name}.png`), fullPage: true });
    // axe-core is script too.
    const faults = this.#withoutScript.has(page.context()) ? [] : await accessibilityFaults(page);
    if (faults.length > 0) throw new Error(`${name}: ${faults.join('; ')}`);
  }

  async givePassword(
    laptop: Page,
    who: { email: string; password: string },
    more: Record<string, string> = {},
  ): Promise<AuthorizationRequest> {
    const request = await this.rp.request(more);
    await laptop.goto(request.url);
    await laptop.fill('#email', who.email);
    await laptop.fill('#password', who.password);
    await laptop.click('form button[type=submit]');
    return request;
  }

  /** A person with a phone in a browser, enrolled by opening the QR code's address as a phone's own camera does. */
  async addEnrolledPerson(
    options: { locale?: string; notifications?: 'denied'; colorScheme?: 'dark' | 'light' } = {},
  ): Promise<{ email: string; password: string; phone: BrowserPhone; accountId: string }> {
    const { account, ...person } = await this.installation.addPerson();
    return { ...person, phone: await this.enrolPhone(person, options), accountId: account.id };
  }

  /** The first sign-in of somebody who is there already, and their phone. */
  async enrolPhone(
    person: { email: string; password: string },
    options: Parameters<Stage['openPhone']>[0] = {},
  ): Promise<BrowserPhone> {
    const laptop = await this.openLaptop();
    const phone = await this.openPhone(options);
    await this.givePassword(laptop, person);
    await laptop.click('form[action$="/enrol"] button');
    await laptop.goto(`${this.installation.url}/mfa/setup/scan`);
    await phone.openEnrolmentLink(await readQr(laptop));
    await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    if ((await phone.page.getAttribute('html', 'data-screen')) === 'notifications') {
      await phone.page.locator('.screen .button').first().click();
    }
    await phone.waitForScreen('added');
    await laptop.waitForSelector('form[action="/mfa/setup/test"] button');
    await laptop.click('form[action="/mfa/setup/test"] button');
    await phone.approve((await laptop.textContent('.number'))!);
    await laptop.waitForURL('**/mfa/setup/done');
    await laptop.context().close();
    return phone;
  }
}
