import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { filmQr, readQr } from '../support/qr.ts';
import { Stage } from '../support/stage.ts';

let stage: Stage;
let person: Awaited<ReturnType<Stage['addEnrolledPerson']>>;

beforeAll(async () => {
  stage = await Stage.set();
  person = await stage.addEnrolledPerson();
});
afterEach(async () => {
  await stage.installation.d.database.sql`DELETE FROM challenge`;
});
afterAll(() => stage?.strike());

const button = (name: string) => person.phone.page.getByRole('button', { name, exact: true });

describe('at the laptop, after an answer on the phone', () => {
  it('deny shows a clear page and goes back to the web app', async () => {
    const laptop = await stage.openLaptop();
    await stage.givePassword(laptop, person);
    await person.phone.waitForScreen('request');
    await button('Weigeren').click();
    await person.phone.waitForScreen('result');
    await laptop.waitForSelector('h1:has-text("Het aanmelden is gestopt")');
    await stage.shot(laptop, 'nl-ended-1280');
    await stage.shot(person.phone.page, 'nl-phone-denied-390');
    await laptop.click('button:has-text("Terug naar Zaaksysteem")');
    await laptop.waitForSelector('#app');
    expect(laptop.url()).toContain('error=access_denied');
    expect(laptop.errors).toEqual([]);
  });

  it('a wrong number can be corrected; three end it', async () => {
    const laptop = await stage.openLaptop();
    await stage.givePassword(laptop, person);
    await person.phone.waitForScreen('request');
    const right = (await laptop.textContent('.number'))!;
    const wrong = right === '00' ? '11' : '00';
    await person.phone.approve(wrong);
    await person.phone.page.waitForSelector('text=U kunt nog 2 keer proberen');
    await stage.shot(person.phone.page, 'nl-phone-wrong-number-390');
    await person.phone.approve(right);
    await laptop.waitForSelector('#app');

    await stage.installation.d.database.sql`DELETE FROM challenge`;
    const again = await stage.openLaptop();
    await stage.givePassword(again, person);
    for (const left of [2, 1, 0]) {
      await person.phone.approve((await again.textContent('.number')) === '00' ? '11' : '00');
      await person.phone.page.waitForSelector(left ? `text=nog ${left} keer` : 'text=Het verzoek is geweigerd');
    }
    await again.waitForSelector('text=drie keer een verkeerd nummer');
  });

  it('an approval without a number asks for it', async () => {
    const laptop = await stage.openLaptop();
    await stage.givePassword(laptop, person);
    await person.phone.waitForScreen('request');
    await button('Goedkeuren').click();
    await person.phone.page.waitForSelector('text=Typ het nummer van 2 cijfers.');
  });

  it('silence ends in an offer of a new notification', async () => {
    const laptop = await stage.openLaptop();
    await stage.givePassword(laptop, person);
    await laptop.waitForSelector('.number');
    stage.installation.clock.advance(121);
    await stage.installation.d.database.sql`SELECT pg_notify('dubbelslot', 'challenge:' || id) FROM challenge`;
    await laptop.waitForSelector('h1:has-text("Het verzoek is verlopen")');
    await stage.shot(laptop, 'nl-approve-expired-1280');
    await laptop.click('button:has-text("Nieuwe melding sturen")');
    await laptop.waitForSelector('.number');
    await person.phone.page.reload();
    await person.phone.approve((await laptop.textContent('.number'))!);
    await laptop.waitForSelector('#app');
    stage.installation.clock.advance(-121);
  });

  it('the QR code on the page, scanned by the phone, needs no number', async () => {
    const laptop = await stage.openLaptop();
    const request = await stage.givePassword(laptop, person);
    await laptop.click('summary');
    await stage.shot(laptop, 'nl-approve-qr-1280');
    const qr = await readQr(laptop);
    expect(qr).toContain('/app#q=');
    // Opened as a link, which anyone could have sent, it asks for the number all the same.
    await person.phone.page.goto('about:blank');
    await person.phone.page.goto(qr);
    await person.phone.page.waitForSelector('#number');
    // Scanned inside the app it does not.
    filmQr(stage.cameraFile, qr);
    await person.phone.page.evaluate(() => dispatchEvent(new PopStateEvent('popstate', { state: { name: 'scan' } })));
    await person.phone.page.waitForSelector('text=U hoeft geen nummer te typen');
    await stage.shot(person.phone.page, 'nl-phone-qr-390');
    await button('Goedkeuren').click();
    await laptop.waitForSelector('#app');
    expect((await stage.rp.redeem(request, laptop.url())).claims()!.acr).toBe('urn:dubbelslot:acr:mfa');
  });

  it('the notification of a closed app opens the request', async () => {
    await person.phone.page.goto(`${stage.installation.url}/app/manifest.webmanifest`);
    const laptop = await stage.openLaptop();
    const challenge = await (async () => {
      await stage.givePassword(laptop, person);
      await laptop.waitForSelector('.number');
      const [row] = await stage.installation.d.database.sql<{
        id: string;
      }>`SELECT id FROM challenge WHERE state = 'open'`;
      return row!.id;
    })();
    await person.phone.deliver(
      JSON.stringify({ web_push: 8030, notification: { title: 'Aanmelden bevestigen?', body: 'x' }, challenge }),
    );
    await expect.poll(async () => (await person.phone.notifications()).some(({ tag }) => tag === challenge)).toBe(true);
    await person.phone.page.goto(`${stage.installation.url}/app#c=${challenge}`);
    await person.phone.approve((await laptop.textContent('.number'))!);
    await laptop.waitForSelector('#app');
  });

  it('“this was not me” asks once more, then stops everything', async () => {
    const victim = await stage.addEnrolledPerson();
    const laptop = await stage.openLaptop();
    await stage.givePassword(laptop, victim);
    await victim.phone.waitForScreen('request');
    await victim.phone.page.getByRole('button', { name: 'Dit was ik niet' }).click();
    await stage.shot(victim.phone.page, 'nl-phone-report-390');
    await victim.phone.page.getByRole('button', { name: 'Ja, dit was ik niet' }).click();
    await victim.phone.waitForScreen('result');
    await laptop.waitForSelector('text=werkt het wachtwoord niet meer');
    await stage.shot(laptop, 'nl-ended-reported-1280');
    await victim.phone.close();
  });
});

describe('without JavaScript on the laptop', () => {
  it('the whole sign-in works, by forms and a page that refreshes', async () => {
    const laptop = await stage.openLaptop({ javaScriptEnabled: false });
    const request = await stage.givePassword(laptop, person);
    await laptop.waitForSelector('.number');
    await stage.shot(laptop, 'nl-approve-no-script-1280');
    await person.phone.page.goto(`${stage.installation.url}/app`);
    await person.phone.approve((await laptop.textContent('.number'))!);
    await laptop.waitForSelector('#app', { timeout: 15_000 });
    expect((await stage.rp.redeem(request, laptop.url())).claims()!.acr).toBe('urn:dubbelslot:acr:mfa');
  });

  it('the wizard works too, by typing the code', async () => {
    const { account, ...fresh } = await stage.installation.addPerson();
    const laptop = await stage.openLaptop({ javaScriptEnabled: false });
    const phone = await stage.openPhone();
    await stage.givePassword(laptop, fresh);
    await laptop.click('button:has-text("Volgende")');
    await laptop.click('a.button:has-text("Volgende")');
    await laptop.click('summary');
    const code = (await laptop.textContent('.typed'))!;
    await phone.start();
    await phone.page.getByRole('button', { name: 'Account toevoegen' }).first().click();
    await phone.page.getByRole('button', { name: /Werk- of schoolaccount/ }).click();
    await phone.page.getByRole('button', { name: 'Code typen' }).click();
    await phone.page.fill('#typed', 'te kort');
    await phone.page.getByRole('button', { name: 'Toevoegen' }).click();
    await phone.page.waitForSelector('text=De code is niet compleet');
    await stage.shot(phone.page, 'nl-phone-typed-390');
    await phone.page.fill('#typed', code.toLowerCase());
    await phone.page.getByRole('button', { name: 'Toevoegen' }).click();
    await phone.page.waitForSelector('html[data-screen=added], html[data-screen=notifications]');
    await laptop.waitForSelector('form[action="/mfa/setup/test"] button', { timeout: 15_000 });
    await laptop.click('form[action="/mfa/setup/test"] button');
    const number = (await laptop.textContent('.number'))!;
    await phone.page.goto(`${stage.installation.url}/app`);
    await phone.approve(number);
    await laptop.waitForURL('**/mfa/setup/done', { timeout: 15_000 });
    expect(
      (await stage.installation.d.authenticators.ofAccount(account.id)).some(
        ({ kind, state }) => kind === 'push' && state === 'active',
      ),
    ).toBe(true);
    await phone.close();
  });
});

describe('a request that comes while the answer to the one before is on its way', () => {
  it('stays on the screen', async () => {
    await person.phone.page.goto(`${stage.installation.url}/app`);
    await person.phone.page.waitForSelector('html[data-ready]');
    const first = await stage.openLaptop();
    await stage.givePassword(first, person);
    await person.phone.waitForScreen('request');
    // The answer's answer is held back until the next request has been shown.
    const release = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    await person.phone.page.route(
      '**/answer',
      async (route) => {
        const response = await route.fetch();
        await release.promise;
        await route.fulfill({ response });
        released.resolve();
      },
      { times: 1 },
    );
    await person.phone.approve((await first.textContent('.number'))!);
    await first.waitForSelector('#app');
    const second = await stage.openLaptop();
    await stage.givePassword(second, person);
    await second.waitForSelector('.number');
    await expect.poll(() => person.phone.page.locator('#number').inputValue()).toBe('');
    release.resolve();
    await released.promise;
    await person.phone.page.waitForTimeout(300);
    await person.phone.approve((await second.textContent('.number'))!);
    await second.waitForSelector('#app');
  });
});
