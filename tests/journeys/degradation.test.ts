import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { WebAuthnEmulator } from 'nid-webauthn-emulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { OWNER, OwnPostgres, reachableFolder, SERVER, urlAt } from '../support/own-postgres.ts';
import { PushService } from '../support/push-service.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, enrolCodeApp, enrolKey, givePassword, goOn } from '../support/story.ts';
import { totpCode } from '../support/totp.ts';
import { WireBetween } from '../support/wire-between.ts';

/** Each way, for every statement: a database in another country. */
const DELAY_MS = 15;

let home: string;
let postgres: OwnPostgres;
let wire: WireBetween;
let push: PushService;
let installation: TestInstallation;
let rp: RelyingParty;

// Nothing outside answers: the push service never, the mail server not at all, the file of places is not there.
beforeAll(async () => {
  home = reachableFolder('degraded');
  postgres = await OwnPostgres.at(home, 'cluster');
  postgres.initialise();
  await postgres.launch();
  await postgres.prepare();
  await migrate(urlAt(postgres.port, OWNER), join(import.meta.dirname, '../../migrations'), SERVER);
  wire = await WireBetween.to(() => postgres.port, DELAY_MS);
  push = await PushService.start();
  push.frozen = new Promise(() => {});
  installation = await startInstallation(
    { SMTP_URL: 'smtp://localhost:1', GEOIP_FILE: join(home, 'nowhere.mmdb'), LOG_LEVEL: 'warn' },
    { databaseUrl: urlAt(wire.port, SERVER), testPushOrigin: push.origin },
  );
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
}, 120_000);
afterAll(async () => {
  push?.close();
  await wire?.close();
  await installation?.close().catch(() => {});
  await postgres?.stop('SIGQUIT');
  rmSync(home, { recursive: true, force: true });
});

const next = async (who: { email: string; password: string }) => {
  const laptop = new Laptop();
  const request = await givePassword(laptop, rp, who);
  return { laptop, request };
};
const acrOf = async (request: Parameters<RelyingParty['redeem']>[0], callback: string) =>
  (await rp.redeem(request, callback)).claims()!.acr;

describe('with nothing outside, and a slow database, somebody signs in', () => {
  it('by an approval, which the companion finds by itself', async () => {
    const person = await addEnrolledPerson(installation, new Laptop(), rp);
    const subscribed = await person.phone.call(
      'PUT',
      '/app/api/subscription',
      push.subscribe(installation.d.vapid.publicKey),
    );
    expect(subscribed.status).toBe(204);
    const { laptop, request } = await next(person);
    const { url } = await approveAndGoOn(laptop, person.phone, rp);
    expect(await acrOf(request, url)).toBe('urn:dubbelslot:acr:mfa');
  });

  it('by a code, a passkey and a recovery code', async () => {
    const { account: _, ...who } = await installation.addPerson();
    const first = await next(who);
    const secret = await enrolCodeApp(first.laptop, installation.url, installation.clock.now());
    const [recovery] = first.laptop.recoveryCodes;
    expect(await acrOf(first.request, (await goOn(first.laptop, rp)).url)).toBe('urn:dubbelslot:acr:mfa');

    installation.clock.advance(60);
    const second = await next(who);
    await second.laptop.submit('/code', { code: totpCode(secret, installation.clock.now()) }, rp.redirectUri);
    expect(await acrOf(second.request, second.laptop.page.url)).toBe('urn:dubbelslot:acr:mfa');

    const { account: __, ...other } = await installation.addPerson();
    const third = await next(other);
    const key = new WebAuthnEmulator();
    await enrolKey(third.laptop, installation.url, key);
    expect(await acrOf(third.request, (await goOn(third.laptop, rp)).url)).toBe('urn:dubbelslot:acr:phr');

    const fourth = await next(who);
    await fourth.laptop.open(`${fourth.laptop.page.url}/recovery`);
    await fourth.laptop.submit('/recovery', { code: recovery! }, rp.redirectUri);
    expect(fourth.laptop.page.html).toContain('U heeft een herstelcode gebruikt');
  });

  it('and what could not be done is known: mails wait, places are not shown', async () => {
    await expect.poll(async () => (await installation.d.overview.health()).mailsWaiting).toBeGreaterThan(0);
    const told = installation.logLines.join('');
    expect(told).toContain('GEOIP_FILE cannot be read');
    expect(told).toContain('mail could not be sent; trying again');
  });
});
