/**
 * The load generator, a process of its own: closed loop, each client begins its next sign-in when the last is over; or open, at a
 * steady rate whether they are over or not.
 * Its parent says what to do by message; see `startLoad` in load-process.ts.
 */
import { Browser } from './browser.ts';
import { type Forms, fillIn } from './forms.ts';
import type { LoadOrder, LoadReport } from './load-process.ts';
import type { Person } from './people.ts';
import { relyingParty } from './relying-party.ts';

type App = Awaited<ReturnType<typeof relyingParty>>;

/** Each form in turn, code exchange, userinfo. */
async function signIn(app: App, redirectUri: string, forms: Forms, person: Person): Promise<void> {
  const browser = new Browser();
  const request = app.request();
  const landed = await fillIn(forms, browser, person, request.url, redirectUri);
  if (!landed.startsWith(redirectUri)) throw new Error(`not signed in: ${browser.page.body.slice(0, 1000)}`);
  await app.finish(request, landed, forms.acr);
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
