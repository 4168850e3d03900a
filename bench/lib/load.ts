/**
 * The load generator, a process of its own: closed loop, each client begins its next sign-in when the last is over; or open, at a
 * steady rate whether they are over or not.
 * Its parent says what to do by message; see `startLoad` in load-process.ts.
 */
import { totpCode } from '../../tests/support/totp.ts';
import { Browser } from './browser.ts';
import type { Forms } from './forms.ts';
import type { LoadOrder, LoadReport } from './load-process.ts';
import { answer } from './passkey.ts';
import type { Person } from './people.ts';
import { relyingParty } from './relying-party.ts';

type App = Awaited<ReturnType<typeof relyingParty>>;

/** Each form in turn, code exchange, userinfo. */
async function signIn(app: App, redirectUri: string, { steps, acr }: Forms, person: Person): Promise<void> {
  const browser = new Browser();
  const request = app.request();
  let landed = await browser.open(request.url, redirectUri);
  const typed: Record<string, () => string> = {
    email: () => person.email,
    password: () => person.password,
    code: () => totpCode(person.totp, new Date()),
    passkey: () => {
      const challenge = /challenge&quot;:&quot;([\w-]+)/.exec(browser.page.body)?.[1] ?? '';
      return answer(person.passkey!, person.accountId, challenge, new URL(browser.url).origin);
    },
  };
  for (const { action, fields } of steps) {
    const values = Object.entries(fields).map(([name, what]) => [name, typed[what]?.() ?? what]);
    landed = await browser.submit(action, Object.fromEntries(values), redirectUri);
  }
  if (!landed.startsWith(redirectUri)) throw new Error(`not signed in: ${browser.page.body.slice(0, 1000)}`);
  await app.finish(request, landed, acr);
}

let next = 0;
let app: App | undefined;

async function carryOut({ application, forms, people, atOnce, perSecond, count }: LoadOrder): Promise<LoadReport> {
  app ??= await relyingParty(application);
  const before = process.cpuUsage();
  const began = performance.now();
  const latenciesMs: number[] = [];
  let begun = 0;
  const one = async (): Promise<void> => {
    begun += 1;
    const person = people[next++ % people.length]!;
    const at = performance.now();
    await signIn(app!, application.redirectUri, forms, person);
    latenciesMs.push(performance.now() - at);
  };
  const client = async (): Promise<void> => {
    while (begun < count) await one();
  };
  if (perSecond === undefined) await Promise.all(Array.from({ length: atOnce }, client));
  else {
    const all: Promise<void>[] = [];
    while (begun < count) {
      if (begun < ((performance.now() - began) / 1000) * perSecond) all.push(one());
      else await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await Promise.all(all);
  }
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, cpuSeconds: (user + system) / 1e6, latenciesMs };
}

process.on('disconnect', () => process.exit());
let known: Person[] = [];
process.on('message', (order: LoadOrder & { people?: Person[] }) => {
  if (order.people) known = order.people;
  carryOut({ ...order, people: known }).then(
    (report) => process.send!({ report }),
    (error: Error) => process.send!({ error: error.stack ?? error.message }),
  );
});
