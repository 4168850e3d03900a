import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, enrolPhone, givePassword, goOn } from '../support/story.ts';

let installation: TestInstallation;
let rp: RelyingParty;

beforeAll(async () => {
  installation = await startInstallation();
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
afterAll(() => installation.close());

describe('a first sign-in', () => {
  it('leads from the password over enrolment and its test to the web app, with true claims', async () => {
    const { account, ...person } = await installation.addPerson();
    const laptop = new Laptop();
    const before = Math.floor(Date.now() / 1000);
    const request = await givePassword(laptop, rp, person);
    expect(laptop.title).toBe('Meer informatie vereist');
    await enrolPhone(laptop, installation.url);
    expect(laptop.title).toBe('Uw telefoon is klaar voor gebruik');
    expect(laptop.recoveryCodes).toHaveLength(10);
    const landed = await goOn(laptop, rp);
    const tokens = await rp.redeem(request, landed.url);
    const claims = tokens.claims()!;
    expect(claims.sub).toBe(account.id);
    expect(claims.acr).toBe('urn:dubbelslot:acr:mfa');
    expect(claims.amr).toEqual(['pwd', 'pop', 'swk', 'mca', 'mfa']);
    expect(claims.auth_time).toBeGreaterThanOrEqual(before);
    expect(claims.auth_time).toBeLessThanOrEqual(Math.floor(Date.now() / 1000));
    expect(claims.nonce).toBe(request.nonce);
    expect(decodeJwt(tokens.id_token!)).not.toHaveProperty('email');
  });
});

describe('a next sign-in', () => {
  it('asks for the password and an approval, and nothing else', async () => {
    const person = await addEnrolledPerson(installation, new Laptop(), rp);
    const laptop = new Laptop();
    const request = await givePassword(laptop, rp, person);
    expect(laptop.title).toBe('Bevestig op uw telefoon');
    expect(laptop.number).toMatch(/^\d{2}$/);
    const landed = await approveAndGoOn(laptop, person.phone, rp);
    const tokens = await rp.redeem(request, landed.url);
    expect(tokens.claims()!.acr).toBe('urn:dubbelslot:acr:mfa');
  });
});
