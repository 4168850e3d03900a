import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readQr } from '../support/qr.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage?.strike());

describe('a phone that can check who holds it', () => {
  it('does so before each approval, and the token says so; without the check nothing is approved', async () => {
    const { account, ...person } = await stage.installation.addPerson();
    const laptop = await stage.openLaptop();
    const phone = await stage.openPhone();
    const cdp = await phone.context.newCDPSession(phone.page);
    await cdp.send('WebAuthn.enable');
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    const first = await stage.givePassword(laptop, person);
    await laptop.click('form[action$="/enrol"] button');
    await laptop.goto(`${stage.installation.url}/mfa/setup/scan`);
    await phone.openEnrolmentLink(await readQr(laptop));
    await phone.waitForScreen('gate');
    await stage.shot(phone.page, 'nl-phone-gate-390');
    await phone.page.getByRole('button', { name: 'Aanzetten' }).click();
    await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    if ((await phone.page.getAttribute('html', 'data-screen')) === 'notifications') {
      await phone.page.getByRole('button', { name: 'Meldingen toestaan' }).click();
    }
    await phone.waitForScreen('added');
    await laptop.waitForSelector('form[action="/mfa/setup/test"] button');
    await laptop.click('form[action="/mfa/setup/test"] button');

    // Somebody else holds the phone.
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
    await phone.approve((await laptop.textContent('.number'))!);
    await phone.page.waitForSelector('text=kon niet controleren dat u het bent');
    await stage.shot(phone.page, 'nl-phone-gate-refused-390');
    // The owner again.
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
    await phone.approve((await laptop.textContent('.number'))!);
    await laptop.waitForURL('**/mfa/setup/done');
    await laptop.click('a.button:has-text("Doorgaan naar Zaaksysteem")');
    await laptop.waitForSelector('#app');
    expect((await stage.rp.redeem(first, laptop.url())).claims()!.amr).toEqual([
      'pwd',
      'pop',
      'swk',
      'mca',
      'user',
      'mfa',
    ]);

    // An answer signed by the right key, but without the passkey, or with the assertion of another answer, is refused.
    const next = await stage.openLaptop();
    const request = await stage.givePassword(next, person);
    await phone.waitForScreen('request');
    const number = (await next.textContent('.number'))!;
    // As text: the test runner would rewrite the imports.
    const refusals = await phone.page.evaluate(`(async () => {
      const { allAccounts, openChallenges } = await import('/app/js/accounts.js');
      const { makeAnswer } = await import('/app/js/crypto.js');
      const { passGate } = await import('/app/js/gate.js');
      const { call } = await import('/app/js/api.js');
      const [account] = await allAccounts();
      const [{ challenge }] = await openChallenges();
      const path = '/app/api/challenges/' + challenge.id + '/answer';
      const now = Math.floor(Date.now() / 1000);
      const answer = await makeAnswer(account, challenge, 'approve', { number: '${number}' }, now);
      const other = await makeAnswer(account, challenge, 'approve', { number: '${number}' }, now - 1);
      const codes = [];
      for (const assertion of [undefined, await passGate(account.gateId, other)]) {
        await call(account.keys, 'POST', path, { answer, assertion }).catch(({ code }) => codes.push(code));
      }
      return codes;
    })()`);
    expect(refusals).toEqual(['gate_required', 'gate_invalid']);
    await phone.approve(number);
    await next.waitForSelector('#app');
    expect((await stage.rp.redeem(request, next.url())).claims()!.amr).toContain('user');
    const stored = (await stage.installation.d.authenticators.ofAccount(account.id)).find(
      ({ kind }) => kind === 'push',
    );
    expect(stored!.gate!.counter).toBeGreaterThan(0);
    await phone.close();
  });
});
