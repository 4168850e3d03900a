import type { BrowserContext, CDPSession, Page, Worker } from 'playwright-core';
import { devices } from 'playwright-core';
import type { LaunchedBrowser } from './chromium.ts';
import type { PushService, Subscription } from './push-service.ts';

export interface ShownNotification {
  readonly title: string;
  readonly body: string;
  readonly tag: string;
}

/**
 * A phone: a mobile context with the companion app, its real service worker, and a subscription at our push service.
 * No Chromium can subscribe without Google, so `subscribe()` alone is replaced; what the server sends is decrypted by
 * the push service and handed to the real worker.
 */
export class BrowserPhone {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly server: string;
  readonly #cdp: CDPSession;
  readonly #hasNotifications: boolean;
  readonly #registrations = new Map<string, string>();
  readonly errors: string[] = [];

  private constructor(context: BrowserContext, page: Page, cdp: CDPSession, server: string, hasNotifications: boolean) {
    this.context = context;
    this.page = page;
    this.server = server;
    this.#cdp = cdp;
    this.#hasNotifications = hasNotifications;
  }

  static async open(
    { browser, hasNotifications }: LaunchedBrowser,
    server: string,
    push: { service: PushService; vapidPublicKey: string } | 'denied',
    options: { locale?: string; colorScheme?: 'dark' | 'light' } = {},
  ): Promise<BrowserPhone> {
    const context = await browser.newContext({
      ...devices['Pixel 7'],
      viewport: { width: 390, height: 844 },
      locale: options.locale ?? 'nl-NL',
      colorScheme: options.colorScheme ?? 'light',
      permissions: push === 'denied' ? ['camera'] : ['camera', 'notifications'],
    });
    const subscription = push === 'denied' ? null : push.service.subscribe(push.vapidPublicKey);
    await context.addInitScript(replacePush, { subscription, hasNotifications });
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    const phone = new BrowserPhone(context, page, cdp, server, hasNotifications);
    page.on('pageerror', (error) => phone.errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') phone.errors.push(message.text());
    });
    cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      for (const each of registrations) phone.#registrations.set(each.scopeURL, each.registrationId);
    });
    await cdp.send('ServiceWorker.enable');
    return phone;
  }

  async start(fragment = ''): Promise<void> {
    await this.page.goto(`${this.server}/app${fragment}`);
    await this.page.waitForSelector('html[data-ready]');
  }

  /** Opens the address of an enrolment QR code, as the phone's own camera does, and says yes. */
  async openEnrolmentLink(address: string): Promise<void> {
    await this.page.goto('about:blank');
    await this.page.goto(address);
    await this.waitForScreen('confirm');
    await this.page.locator('.screen .button').first().click();
  }

  /** The name of the screen that is shown. */
  async waitForScreen(name: string): Promise<void> {
    await this.page.waitForSelector(`html[data-screen="${name}"]`);
  }

  /** Hands a decrypted message to the real service worker, as the browser does. */
  async deliver(data: string): Promise<void> {
    const registrationId = this.#registrations.get(`${this.server}/app`);
    if (registrationId === undefined) throw new Error('the service worker is not registered');
    if (!this.#hasNotifications) await (await this.#worker()).evaluate(replaceNotifications);
    await this.#cdp.send('ServiceWorker.deliverPushMessage', { origin: this.server, registrationId, data });
  }

  async notifications(): Promise<ShownNotification[]> {
    const worker = await this.#worker();
    return worker.evaluate(async () => {
      const shown = await (self as unknown as ServiceWorkerGlobalScope).registration.getNotifications();
      return shown.map(({ title, body, tag }) => ({ title, body, tag }));
    });
  }

  /** The running service worker; a browser stops an idle one, so it is started first. */
  async #worker(): Promise<Worker> {
    await this.#cdp.send('ServiceWorker.startWorker', { scopeURL: `${this.server}/app` });
    return this.context.serviceWorkers()[0] ?? (await this.context.waitForEvent('serviceworker'));
  }

  async approve(number: string): Promise<void> {
    await this.waitForScreen('request');
    await this.page.fill('#number', number);
    await this.page.getByRole('button', { name: /^(Goedkeuren|Approve)$/ }).click();
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}

type ServiceWorkerGlobalScope = { registration: ServiceWorkerRegistration };

function replacePush({
  subscription,
  hasNotifications,
}: {
  subscription: Subscription | null;
  hasNotifications: boolean;
}): void {
  // The frames that axe-core opens have neither.
  if (!('PushManager' in window && 'ServiceWorkerRegistration' in window)) return;
  if (!subscription) {
    Object.defineProperty(Notification, 'permission', { get: () => 'denied' });
    Notification.requestPermission = async () => 'denied';
    return;
  }
  const made = { ...subscription, expirationTime: null };
  const fake = () =>
    Object.setPrototypeOf({ ...made, toJSON: () => made, unsubscribe: async () => true }, null) as PushSubscription;
  // Kept over reloads, as a browser keeps it.
  PushManager.prototype.subscribe = async (options) => {
    if (!options?.userVisibleOnly) throw new DOMException('userVisibleOnly is required', 'NotAllowedError');
    localStorage.setItem('test-subscribed', 'yes');
    return fake();
  };
  PushManager.prototype.getSubscription = async () => (localStorage.getItem('test-subscribed') ? fake() : null);
  if (!hasNotifications) {
    // This build has neither notifications nor badges, and calling for a badge ends the page.
    for (const name of ['setAppBadge', 'clearAppBadge'])
      delete (Navigator.prototype as unknown as Record<string, unknown>)[name];
    ServiceWorkerRegistration.prototype.getNotifications = async () => [];
    Object.defineProperty(Notification, 'permission', { get: () => 'granted' });
  }
}

function replaceNotifications(): void {
  if ('isReplaced' in self) return;
  Object.assign(self, { isReplaced: true });
  interface Note {
    title: string;
    body: string;
    tag: string;
    data: unknown;
    close(): void;
  }
  let notes: Note[] = [];
  const prototype = ServiceWorkerRegistration.prototype as unknown as Record<string, unknown>;
  prototype.showNotification = async (title: string, { body = '', tag = '', data }: NotificationOptions = {}) => {
    const note: Note = {
      title,
      body,
      tag,
      data,
      close: () => {
        notes = notes.filter((each) => each !== note);
      },
    };
    notes = [...notes.filter((each) => each.tag !== tag), note];
  };
  prototype.getNotifications = async (filter?: { tag?: string }) =>
    notes.filter(({ tag }) => !filter?.tag || tag === filter.tag);
}
