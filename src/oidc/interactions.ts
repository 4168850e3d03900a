import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import type { Clock } from '../core/clock.ts';
import type { Known, SignInRequest } from '../flow/sign-in.ts';
import type { Finished } from '../store/login-transactions.ts';
import type { OidcPayloads } from '../store/oidc-payloads.ts';
import { askedBy } from './asked.ts';
import { type Entra, isEntraUid } from './entra.ts';
import { collectResult, withPause } from './in-progress.ts';

export interface PausedSignIn extends SignInRequest {
  /** Where the browser goes afterwards, for `form-action` in the page's Content-Security-Policy. */
  readonly redirectOrigin: string | undefined;
  readonly loginHint: string | undefined;
  readonly uiLocales: string | undefined;
  /** Our row for it and whose it is, where they were read on the way; null where there is none yet. */
  readonly known?: Known | null;
}

export interface SignInResult {
  readonly accountId: string;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly authTime: Date;
}

export interface SignInRefusal {
  readonly error: 'access_denied' | 'unmet_authentication_requirements';
  readonly description: string;
}

/** The only door between our pages and oidc-provider's pause for a person. */
export interface Interactions {
  /** The pause that this browser's cookie and this uid agree on, or undefined: expired, or somebody else's link. */
  find(request: IncomingMessage, response: ServerResponse, uid: string): Promise<PausedSignIn | undefined>;
  /** How the pause that `find` found for this very request ends well: what gives it its result, and where to send the browser then. */
  ending(
    request: IncomingMessage,
    paused: PausedSignIn,
    result: SignInResult,
  ): Promise<{ pause: Finished['pause']; path(): Promise<string> }>;
  /**
   * Ends it without a sign-in.
   * @returns where to send the browser; undefined where something ended the sign-in meanwhile
   */
  refuse(request: IncomingMessage, paused: PausedSignIn, refusal: SignInRefusal): Promise<string | undefined>;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

export interface InteractionsNeeds {
  current(): Provider;
  readonly entra: Entra;
  readonly payloads: OidcPayloads;
  readonly clock: Clock;
}

type Details = Awaited<ReturnType<Provider['interactionDetails']>>;

export function createInteractions({ current, entra, payloads, clock }: InteractionsNeeds): Interactions {
  /** What was read for a request, so that ending the pause reads it no second time. */
  const read = new WeakMap<IncomingMessage, Details>();
  const detailsOf = (request: IncomingMessage): Details => {
    const details = read.get(request);
    if (!details) throw new Error('a pause is ended by the request that found it');
    return details;
  };
  return {
    async find(request, response, uid) {
      if (isEntraUid(uid)) return entra.find(request, uid);
      const pause = await payloads.findPause(uid, clock.now());
      if (!pause) return undefined;
      let details: Details;
      try {
        details = await withPause(uid, pause.payload, () => current().interactionDetails(request, response));
      } catch (error) {
        if ((error as { name?: string }).name === 'SessionNotFound') return undefined;
        throw error;
      }
      if (details.uid !== uid) return undefined;
      read.set(request, details);
      const { params, session } = details;
      const isDevice = details.deviceCode !== undefined;
      const known = session?.uid ? await current().Session.findByUid(session.uid) : undefined;
      const redirect = text(params.redirect_uri);
      return {
        uid,
        known: pause.transaction ? { transaction: pause.transaction, signer: pause.signer } : null,
        ...askedBy(pause.payload),
        session:
          known?.accountId !== undefined
            ? {
                accountId: known.accountId,
                // For a device the second factor is proven now, whatever this browser has shown before.
                amr: (known.amr ?? []).filter((method) => !isDevice || method === 'pwd'),
                authTime: known.loginTs === undefined ? null : new Date(known.loginTs * 1000),
              }
            : undefined,
        redirectOrigin: redirect && URL.canParse(redirect) ? new URL(redirect).origin : undefined,
        loginHint: text(params.login_hint),
        uiLocales: text(params.ui_locales),
      };
    },
    async ending(request, { uid, prompt }, result) {
      if (isEntraUid(uid)) return { pause: undefined, path: () => entra.finish(uid, result) };
      const details = detailsOf(request);
      // `ts` keeps auth_time true: without it the library takes now, and a step-up would look like a new sign-in.
      const ts = Math.floor(result.authTime.getTime() / 1000);
      const login = { accountId: result.accountId, acr: result.acr, amr: [...result.amr], ts };
      details.result = { ...details.lastSubmission, login, ...(prompt === 'mfa' ? { mfa: {} } : {}) };
      const write = await collectResult(() => details.save(secondsLeft(details)));
      if (!write) throw new Error('the library has given the pause no result');
      return { pause: (of) => payloads.replacing(write, of), path: async () => details.returnTo };
    },
    async refuse(request, { uid }, refusal) {
      if (isEntraUid(uid)) return entra.finish(uid, refusal);
      const details = detailsOf(request);
      details.result = { error: refusal.error, error_description: refusal.description };
      try {
        await details.save(secondsLeft(details));
        return details.returnTo;
      } catch (error) {
        if ((error as { name?: string }).name === 'SessionNotFound') return undefined;
        throw error;
      }
    },
  };
}

const secondsLeft = ({ exp }: { exp: number }): number => exp - Math.floor(Date.now() / 1000);
