/**
 * Two roles for `bench/overload.ts`, each a process of its own. `flood`: passwords at a steady rate, whether they are answered or
 * not (an open loop). `probe`: what must stay fast meanwhile, each a few times a second.
 */
import { totpCode } from '../../tests/support/totp.ts';
import { type Answer, Browser, call } from './browser.ts';
import type { Person } from './people.ts';
import { type Application, relyingParty } from './relying-party.ts';

export interface FloodOrder {
  readonly application: Application;
  readonly people: readonly Person[];
}

/** What a flood met. */
export interface FloodReport {
  /** How many passwords were answered by each status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Refusals without `Retry-After`. */
  readonly unexplained: number;
  readonly longestMs: number;
  readonly seconds: number;
}

export interface ProbeReport {
  readonly jwks: readonly number[];
  readonly userinfo: readonly number[];
  readonly code: readonly number[];
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function openPages({ application, people }: FloodOrder): Promise<{ browser: Browser; person: Person }[]> {
  const app = await relyingParty(application);
  const opened = [];
  for (const person of people) {
    const browser = new Browser();
    await browser.open(app.request().url, application.redirectUri);
    opened.push({ browser, person });
  }
  return opened;
}

/** @param perSecond passwords @returns what happened, once every answer is in */
async function flood(
  pages: readonly { browser: Browser; person: Person }[],
  perSecond: number,
  seconds: number,
): Promise<FloodReport> {
  const statuses: Record<string, number> = {};
  let unexplained = 0;
  let longestMs = 0;
  const send = async (index: number): Promise<void> => {
    const { browser, person } = pages[index % pages.length]!;
    const began = performance.now();
    const answer: Answer | undefined = await browser
      .post('/password', { email: person.email, password: person.password })
      .catch(() => undefined);
    longestMs = Math.max(longestMs, performance.now() - began);
    const status = String(answer?.status ?? 'none');
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (answer && answer.status >= 500 && answer.headers['retry-after'] === undefined) unexplained += 1;
  };
  const began = performance.now();
  const sent: Promise<void>[] = [];
  const count = Math.round(perSecond * seconds);
  while (sent.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - began) / 1000) * perSecond));
    while (sent.length < due) sent.push(send(sent.length));
    await wait(5);
  }
  await Promise.all(sent);
  return { statuses, unexplained, longestMs, seconds: (performance.now() - began) / 1000 };
}

async function timed(into: number[], work: () => Promise<Answer>, status: number): Promise<void> {
  const began = performance.now();
  const answer = await work();
  if (answer.status !== status) throw new Error(`${answer.status}: ${answer.body.slice(0, 300)}`);
  into.push(performance.now() - began);
}

/** @param pages of people who have given their password already; one code each */
async function probe(
  { issuer }: Application,
  token: string,
  pages: readonly { browser: Browser; person: Person }[],
  seconds: number,
): Promise<ProbeReport> {
  const report = { jwks: [] as number[], userinfo: [] as number[], code: [] as number[] };
  const until = performance.now() + seconds * 1000;
  const repeat = async (everyMs: number, most: number, work: (turn: number) => Promise<void>): Promise<void> => {
    for (let turn = 0; turn < most && performance.now() < until; turn += 1) {
      await work(turn);
      await wait(everyMs);
    }
  };
  const authorization = `Bearer ${token}`;
  await Promise.all([
    repeat(20, Number.POSITIVE_INFINITY, () => timed(report.jwks, () => call(`${issuer}/oidc/jwks`), 200)),
    repeat(20, Number.POSITIVE_INFINITY, () =>
      timed(report.userinfo, () => call(`${issuer}/oidc/userinfo`, { headers: { authorization } }), 200),
    ),
    repeat((seconds * 1000) / pages.length, pages.length, (turn) => {
      const { browser, person } = pages[turn]!;
      return timed(report.code, () => browser.post('/code', { code: totpCode(person.totp, new Date()) }), 303);
    }),
  ]);
  return report;
}

let pages: Awaited<ReturnType<typeof openPages>> = [];
let token = '';

type Order =
  | ({ readonly what: 'open' } & FloodOrder)
  | ({ readonly what: 'give passwords'; readonly token: string } & FloodOrder)
  | { readonly what: 'flood'; readonly perSecond: number; readonly seconds: number }
  | { readonly what: 'probe'; readonly seconds: number; readonly application: Application };

async function carryOut(order: Order): Promise<unknown> {
  switch (order.what) {
    case 'open':
      pages = await openPages(order);
      return pages.length;
    case 'give passwords':
      pages = await openPages(order);
      token = order.token;
      for (const { browser, person } of pages)
        await browser.submit('/password', { email: person.email, password: person.password }, 'none');
      return pages.length;
    case 'flood':
      return flood(pages, order.perSecond, order.seconds);
    case 'probe': {
      // Each page has one code to give: what is left is for the next time.
      const some = pages.splice(0, Math.ceil(pages.length / 2));
      return probe(order.application, token, some, order.seconds);
    }
  }
}

process.on('disconnect', () => process.exit());
process.on('message', (order: Order) => {
  carryOut(order).then(
    (report) => process.send!({ report }),
    (error: Error) => process.send!({ error: error.stack ?? error.message }),
  );
});
