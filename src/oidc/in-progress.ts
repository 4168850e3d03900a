import { AsyncLocalStorage } from 'node:async_hooks';
import { Provider } from 'oidc-provider';
import type { Ground, OidcPayload, OidcPayloads, PayloadUse, PayloadWrite } from '../store/oidc-payloads.ts';
import type { Signer } from '../store/signers.ts';

/**
 * What one request of the protocol has read already, so that it is not read again, and what it still owes the database. It ends
 * with the request.
 */

export const routeInProgress = (): string | undefined => (Provider.ctx?.oidc as { route?: string } | undefined)?.route;

/** What we use of the library's session beyond its types; tests/oidc/races.test.ts holds the library to it. */
interface SessionInProgress {
  accountId?: string;
  uid?: string;
  jti?: string;
  oldId?: string;
}

export const sessionInProgress = (): SessionInProgress | undefined =>
  (Provider.ctx?.oidc as { session?: SessionInProgress } | undefined)?.session;

const grounds = new WeakMap<object, Ground>();
/** What the code or token of the request in progress stands on. */
export const groundInProgress = (): Ground | undefined => (Provider.ctx ? grounds.get(Provider.ctx) : undefined);
export const standOn = (ground: Ground): void => void (Provider.ctx && grounds.set(Provider.ctx, ground));

const signers = new WeakMap<object, Signer>();
/** Whose sign-in has ended in this request, read with its pause. */
export const signerInProgress = (): Signer | undefined => (Provider.ctx ? signers.get(Provider.ctx) : undefined);
export const signInBy = (signer: Signer): void => void (Provider.ctx && signers.set(Provider.ctx, signer));

const resumed = new WeakMap<object, string>();
/** The sign-in that has ended well in this request: our row for it stays so, or nobody is signed in by it. */
export const resumedSignIn = (): string | undefined => (Provider.ctx ? resumed.get(Provider.ctx) : undefined);
export const resume = (uid: string): void => void (Provider.ctx && resumed.set(Provider.ctx, uid));

const read = new AsyncLocalStorage<{ readonly id: string; readonly payload: OidcPayload }>();
/** A pause that was read before the library was asked to do something with it. */
export const pauseInProgress = (): { readonly id: string; readonly payload: OidcPayload } | undefined =>
  read.getStore();
/** Does some work of the library's with a pause that was read before. */
export const withPause = <T>(id: string, payload: OidcPayload, work: () => Promise<T>): Promise<T> =>
  read.run({ id, payload }, work);

const results = new AsyncLocalStorage<{ write?: PayloadWrite }>();
/** Leaves the result of a pause to whoever collects it. @returns false where nobody does: it is to be written now */
export function oweResult(write: PayloadWrite): boolean {
  const collected = results.getStore();
  if (collected) collected.write = write;
  return collected !== undefined;
}
/** The result that the library gives a pause in this work, not written yet. */
export async function collectResult(work: () => Promise<unknown>): Promise<PayloadWrite | undefined> {
  const collected: { write?: PayloadWrite } = {};
  await results.run(collected, work);
  return collected.write;
}

/**
 * What is written by one statement with the session or the audit event of the same request: the answer is sent after
 * that. `flushPuts` writes what neither took along.
 */
const TOGETHER: Readonly<Record<string, readonly string[]>> = {
  authorization: ['Grant', 'AuthorizationCode'],
  resume: ['Grant', 'AuthorizationCode'],
  token: ['ClientCredentials'],
};
/**
 * What a code or a refresh token is exchanged for is written by the statement that uses it up. Whoever has ended its grant
 * before that has taken it away: then nothing is. Other tokens that stand on a grant are written at once.
 */
const EXCHANGED = ['AuthorizationCode', 'RefreshToken'];
const GIVEN = ['AccessToken', 'RefreshToken'];
const uses = new WeakMap<object, PayloadUse>();

/** Leaves the use of a code or token to the end of the request. @returns false where it is to be used up now */
export function oweUse(use: PayloadUse): boolean {
  const { ctx } = Provider;
  if (!ctx || routeInProgress() !== 'token' || !EXCHANGED.includes(use.type)) return false;
  uses.set(ctx, use);
  return true;
}

/** Whoever takes it uses it up. */
export function takeUse(ctx: object): PayloadUse | undefined {
  const use = uses.get(ctx);
  uses.delete(ctx);
  return use;
}

const puts = new WeakMap<object, PayloadWrite[]>();

/** Leaves a write to the end of the request. @returns false where it is to be written now */
export function owe(write: PayloadWrite): boolean {
  const { ctx } = Provider;
  if (!ctx) return false;
  const isGiven = uses.has(ctx) && GIVEN.includes(write.type);
  if (!isGiven && !TOGETHER[routeInProgress() ?? '']?.includes(write.type)) return false;
  puts.set(ctx, [...(puts.get(ctx) ?? []), write]);
  return true;
}

/** Whoever takes them writes them. */
export function takePuts(ctx: object | undefined = Provider.ctx): readonly PayloadWrite[] {
  const owed = (ctx && puts.get(ctx)) ?? [];
  if (ctx) puts.delete(ctx);
  return owed;
}

/** Runs around the library: what it gave out is kept before anybody is told. */
export const flushPuts =
  (payloads: OidcPayloads) =>
  async (ctx: object, next: () => Promise<void>): Promise<void> => {
    await next();
    for (const { type, id, payload, expiresAt } of takePuts(ctx)) await payloads.put(type, id, payload, expiresAt);
  };
