import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { Phone } from '../support/phone.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, approveAndGoOn, type Enrolled, givePassword } from '../support/story.ts';
import { fulfilled, together } from '../support/together.ts';
import { totpCode } from '../support/totp.ts';

let installation: TestInstallation;
let rp: RelyingParty;
let person: Enrolled;

beforeAll(async () => {
  installation = await startInstallation();
  const redirectUri = await RelyingParty.redirectUri();
  const secret = await installation.addClient({ id: 'app', name: 'Zaaksysteem', redirectUris: [redirectUri] });
  rp = await RelyingParty.discover(installation.url, 'app', secret, redirectUri);
});
beforeEach(async () => {
  person = await addEnrolledPerson(installation, new Laptop(), rp);
});
afterEach(() => installation.clock.reset());
afterAll(() => installation.close());

interface Transfer {
  id: string;
  typed: string | null;
  newPhone: { label: string; thumbprint: string } | null;
}
const start = async (phone = person.phone) =>
  (await phone.call('POST', '/app/api/transfer')).body as unknown as Transfer;
const look = async () => (await person.phone.call('GET', '/app/api/transfer')).body.transfer as Transfer | null;
const scanned = async () => {
  const { typed } = await start();
  const next = await Phone.make(installation.url);
  expect((await next.enrol(typed!, 'Nieuwe telefoon')).body).toMatchObject({ state: 'pending', isTransfer: true });
  return { next, transfer: (await look())! };
};
const approve = (answer: string, phone = person.phone) => phone.call('POST', '/app/api/transfer/approval', { answer });
const stateOf = async (phone: Phone) => (await phone.call('GET', '/app/api/account')).body.state ?? 'unknown';

describe('a change of phone', () => {
  it('is approved by the old one, whose key ends; the new one signs in', async () => {
    const { next, transfer } = await scanned();
    expect(transfer.newPhone).toEqual({ label: 'Nieuwe telefoon', thumbprint: next.thumbprint });
    expect(await stateOf(next)).toBe('pending');
    const answer = await person.phone.signTransfer(transfer.id, next.thumbprint);
    expect((await approve(answer)).status).toBe(204);
    expect(await stateOf(next)).toBe('active');
    expect((await person.phone.call('GET', '/app/api/account')).body.code).toBe('authenticator_unknown');
    const laptop = new Laptop();
    const request = await givePassword(laptop, rp, person);
    const landed = await approveAndGoOn(laptop, next, rp);
    expect((await rp.redeem(request, landed.url)).claims()!.acr).toBe('urn:dubbelslot:acr:mfa');
    const [event] = await installation.d.auditStore.list({ action: 'transfer.approved', limit: 1 });
    expect(event).toMatchObject({ result: 'success', detail: { evidence: answer, label: 'Nieuwe telefoon' } });
  });

  it('needs the old phone’s signature, over this transfer and this new key', async () => {
    const { next, transfer } = await scanned();
    const stranger = await Phone.make(installation.url);
    for (const answer of [
      await stranger.signTransfer(transfer.id, next.thumbprint),
      await person.phone.signTransfer('another', next.thumbprint),
      await person.phone.signTransfer(transfer.id, stranger.thumbprint),
      await person.phone.signTransfer(transfer.id, next.thumbprint, { aud: 'https://evil.example' }),
      'nonsense',
    ])
      expect((await approve(answer)).body.code).toBe('answer_invalid');
    const own = await next.signTransfer(transfer.id, next.thumbprint);
    expect((await approve(own, next)).body.code).toBe('transfer_not_ready');
    expect(await stateOf(next)).toBe('pending');
    expect(await stateOf(person.phone)).toBe('active');
  });

  it('is over after ten minutes, when it is begun again or cancelled, and when push is frozen', async () => {
    const first = await start();
    const second = await start();
    const next = await Phone.make(installation.url);
    expect((await next.enrol(first.typed!)).status).not.toBe(201);
    expect((await next.enrol(second.typed!)).status).toBe(201);
    expect((await person.phone.call('DELETE', '/app/api/transfer')).status).toBe(204);
    const signed = await person.phone.signTransfer(second.id, next.thumbprint);
    expect((await approve(signed)).body.code).toBe('transfer_not_ready');

    const { next: third, transfer } = await scanned();
    const answer = await person.phone.signTransfer(transfer.id, third.thumbprint);
    installation.clock.advance(601);
    person.phone.clockOffset = 601;
    expect((await approve(answer)).body.code).toBe('transfer_not_ready');
    await installation.d.accounts.setPushFrozen(person.accountId, new Date(), new Date());
    expect((await person.phone.call('POST', '/app/api/transfer')).body.code).toBe('push_frozen');
  });

  it('happens once, however many answers come at once', async () => {
    const { next, transfer } = await scanned();
    const answer = await person.phone.signTransfer(transfer.id, next.thumbprint);
    const statuses = fulfilled(await together(3, () => approve(answer))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    expect(await stateOf(next)).toBe('active');
  });
});

describe('the companion’s own code', () => {
  it('signs in without network on the phone, and lives and dies with the phone', async () => {
    const laptop = new Laptop();
    const enrolled = await installation.addPerson();
    const request = await givePassword(laptop, rp, enrolled);
    await laptop.submit('/enrol');
    await laptop.open(`${installation.url}/mfa/setup/scan`);
    const phone = await Phone.make(installation.url);
    const { codeSecret } = (await phone.enrol(laptop.typedCode)).body as { codeSecret: string };
    const code = () => totpCode(codeSecret, installation.clock.now());
    const kinds = async () =>
      (await installation.d.authenticators.ofAccount(enrolled.account.id))
        .filter(({ kind }) => kind === 'totp' || kind === 'push')
        .map(({ kind, state }) => `${kind} ${state}`)
        .sort();
    expect(await kinds()).toEqual(['push pending', 'totp pending']);
    await laptop.open(`${installation.url}/mfa/setup/scan`);
    await laptop.submit('/mfa/setup/test');
    await phone.approve(laptop.number);
    await laptop.open(`${installation.url}/mfa/setup/test`);
    expect(await kinds()).toEqual(['push active', 'totp active']);

    const again = new Laptop();
    const byCode = await givePassword(again, rp, enrolled);
    await again.open(`${again.page.url}/code`);
    await again.submit('/code', { code: code() }, rp.redirectUri);
    expect((await rp.redeem(byCode, again.page.url)).claims()!.amr).toEqual(['pwd', 'otp', 'mfa']);
    expect(request.state).not.toBe(byCode.state);

    await phone.call('DELETE', '/app/api/account');
    expect(await kinds()).toEqual(['push removed', 'totp removed']);
    installation.clock.advance(60);
    const late = new Laptop();
    await givePassword(late, rp, enrolled);
    expect(late.title).toBe('Aanmelden met een herstelcode');
  });
});
