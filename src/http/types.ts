import type {} from '@fastify/session';
import type { Origin } from '../core/audit.ts';
import type { Permission } from '../core/permissions.ts';
import type { Administrator } from '../flow/actor.ts';
import type { ApiCaller } from '../flow/api-callers.ts';
import type { BindingView } from '../flow/binding.ts';
import type { Phone } from '../flow/companion.ts';
import type { SignInView } from '../flow/sign-in.ts';
import type { Locale, MessageKey, TimeFormat, Translate } from '../i18n/translate.ts';
import type { PausedSignIn } from '../oidc/interactions.ts';
import type { Account } from '../store/accounts.ts';
import type { PageModels, PageName } from './pages.ts';

/** Who is in the console, and what they may see. */
export interface ConsoleVisitor {
  readonly account: Account;
  readonly by: Administrator;
  readonly permissions: ReadonlySet<Permission>;
  readonly openAlerts: number;
  readonly waitingCases: number;
}

/** Who may use a route. A route without a guard says `public: true`, or the server does not start. */
export type GuardName = 'sign-in' | 'binding' | 'portal' | 'portal-fresh' | 'console' | 'phone' | 'api';

declare module 'fastify' {
  interface FastifyContextConfig {
    public?: true;
    guard?: GuardName;
    /** What a page of the console takes. */
    permission?: Permission;
    /** A page of the console that takes a sign-in of the last ten minutes. */
    isDangerous?: true;
    /** `oidc`: drawn by oidc-provider. */
    csp?: 'oidc';
    /** `json` routes answer with problem details and have no form token. */
    kind?: 'page' | 'json';
  }
  interface FastifyRequest {
    readonly locale: Locale;
    readonly t: Translate;
    readonly times: TimeFormat;
    /** The web app's wish, where the person has none. */
    useLocale(locale: Locale): void;
    /** What `locale` found, or was told; ask that. */
    knownLocale: Locale | undefined;
    readonly origin: Origin;
    /** Set by the guard of the same name. */
    signIn: { paused: PausedSignIn; view: SignInView } | null;
    binding: { token: string; view: BindingView } | null;
    portal: { sub: string; opUid: string; account: Account } | null;
    phone: Phone | null;
    caller: ApiCaller | null;
    console: ConsoleVisitor | null;
    /** How long the body may take from now on, in seconds. */
    giveTime(seconds: number): void;
    /** Names a creating call of the API, whose answer is kept. */
    idempotencyKey: string | undefined;
  }
  interface FastifyReply {
    /** Draws a page in the person's language. */
    page<Name extends PageName>(name: Name, model: PageModels[Name], status?: number): FastifyReply;
  }
  interface Session {
    state?: string;
    /** Where to go on after signing in again, below `/mfa` or `/admin`. */
    returnTo?: string;
    /** A sentence to show once. */
    said?: MessageKey;
    /** The same, on a page of the console. */
    consoleSaid?: { text: string; tone: 'good' | 'bad' | 'note' };
    /** Somebody is going through the first steps: the console keeps them in sight. */
    isSettingUp?: true;
    /** The number of a caller check, for whoever reads it out. */
    callerNumber?: { challengeId: string; number: string };
    /** What was typed in a form before somebody had to sign in again. */
    draft?: { path: string; values: Readonly<Record<string, string>> };
    signedIn?: {
      opUid: string;
      sub: string;
      acr: string | undefined;
      amr: readonly string[];
      authTime: number | undefined;
    };
  }
}
