import type { WebAuthnEmulator } from 'nid-webauthn-emulator';
import type { TestInstallation } from './installation.ts';
import type { Laptop, Page } from './laptop.ts';
import { Phone } from './phone.ts';
import type { AuthorizationRequest, RelyingParty } from './relying-party.ts';
import { totpCode } from './totp.ts';

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

/** Opens the web app's sign-in and gives the password. */
export async function givePassword(
  laptop: Laptop,
  rp: RelyingParty,
  who: Credentials,
  more: Record<string, string> = {},
): Promise<AuthorizationRequest> {
  const request = await rp.request(more);
  await laptop.open(request.url, {}, rp.redirectUri);
  await laptop.submit('/password', { email: who.email, password: who.password }, rp.redirectUri);
  return request;
}

/** From "more information required" to the end of the wizard, with a new phone. Ends on the last step. */
export async function enrolPhone(laptop: Laptop, server: string): Promise<Phone> {
  await laptop.submit('/enrol');
  return enrolPhoneFromWizard(laptop, server);
}

export async function enrolPhoneFromWizard(laptop: Laptop, server: string): Promise<Phone> {
  await laptop.open(`${server}/mfa/setup/scan`);
  const phone = await Phone.make(server);
  const enrolled = await phone.enrol(laptop.typedCode);
  if (enrolled.status !== 201) throw new Error(JSON.stringify(enrolled));
  await laptop.open(`${server}/mfa/setup/scan`);
  await laptop.submit('/mfa/setup/test');
  const approved = await phone.approve(laptop.number);
  if (approved.status !== 200) throw new Error(JSON.stringify(approved));
  await laptop.open(`${server}/mfa/setup/test`);
  return phone;
}

/** The link that ends the wizard, followed up to the web app's redirect address. */
export function goOn(laptop: Laptop, rp: RelyingParty): Promise<Page> {
  const path = /href="(\/interaction\/[^"]+)"/.exec(laptop.page.html)?.[1];
  if (!path) throw new Error(`no way on: ${laptop.page.html.slice(0, 2000)}`);
  return laptop.open(new URL(path, laptop.page.url).href, {}, rp.redirectUri);
}

/** Approves on the phone and lets the laptop go on to the web app. */
export async function approveAndGoOn(laptop: Laptop, phone: Phone, rp: RelyingParty): Promise<Page> {
  const here = laptop.page.url;
  const approved = await phone.approve(laptop.number);
  if (approved.status !== 200) throw new Error(JSON.stringify(approved));
  return laptop.open(here, {}, rp.redirectUri);
}

/** From "more information required" to the end of the wizard, with an app that shows codes. @returns its secret */
export async function enrolCodeApp(laptop: Laptop, server: string, now: Date): Promise<string> {
  if (/action="[^"]*\/enrol"/.test(laptop.page.html)) await laptop.submit('/enrol');
  await laptop.open(`${server}/mfa/setup/code`);
  const secret = laptop.typedCode.replaceAll(' ', '');
  if (!secret) throw new Error(`no code to type on ${laptop.page.url}: ${laptop.page.html.slice(0, 3000)}`);
  await laptop.submit('/mfa/setup/code', { code: totpCode(secret, now) });
  if (!laptop.page.url.endsWith('/mfa/setup/done')) throw new Error(laptop.page.html.slice(0, 3000));
  return secret;
}

/** The same with a security key or passkey. */
export async function enrolKey(laptop: Laptop, server: string, key: WebAuthnEmulator): Promise<void> {
  if (/action="[^"]*\/enrol"/.test(laptop.page.html)) await laptop.submit('/enrol');
  await laptop.open(`${server}/mfa/setup/key`);
  await laptop.submit('/mfa/setup/key', {
    response: JSON.stringify(key.createJSON(server, laptop.keyOptions as never)),
  });
  if (!laptop.page.url.endsWith('/key/test')) throw new Error(laptop.page.html.slice(0, 3000));
  await laptop.submit('/key/test', { response: JSON.stringify(key.getJSON(server, laptop.keyOptions as never)) });
  if (!laptop.page.url.endsWith('/mfa/setup/done')) throw new Error(laptop.page.html.slice(0, 3000));
}

export interface Enrolled extends Credentials {
  readonly accountId: string;
  readonly phone: Phone;
  readonly recoveryCodes: string[];
}

/** A person with a phone, by the way every person goes. */
export async function addEnrolledPerson(
  installation: TestInstallation,
  laptop: Laptop,
  rp: RelyingParty,
  email?: string,
): Promise<Enrolled> {
  const { account, ...credentials } = await installation.addPerson(email);
  await givePassword(laptop, rp, credentials);
  const phone = await enrolPhone(laptop, installation.url);
  const { recoveryCodes } = laptop;
  await goOn(laptop, rp);
  return { ...credentials, accountId: account.id, phone, recoveryCodes };
}
