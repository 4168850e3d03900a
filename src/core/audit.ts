import type { AuditAction } from './audit-actions.ts';

/** One append-only fact. The six fields that BIO2 asks for are action, object, result, origin, actor and time. */
export interface AuditEvent<Action extends string = AuditAction> {
  /** Past tense, `noun.verb`: `authenticator.bound`. */
  readonly action: Action;
  /** What it was done to: `account:<id>`, `client:<id>`, `challenge:<id>`. */
  readonly object: string;
  readonly result: 'success' | 'refused' | 'failure';
  /** The address it came from, or `system`, or `cli`. */
  readonly origin: string;
  /** Who did it: `account:<id>`, `authenticator:<id>`, `anonymous`, `system`, `cli`. */
  readonly actor: string;
  readonly accountId?: string | undefined;
  readonly requestId?: string | undefined;
  /** Anything else worth keeping; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Where a request came from: goes into audit events and into what the phone shows. */
export interface Origin {
  readonly ip: string;
  /** The browser and system in words, `Firefox on Windows`; empty where unknown. */
  readonly browser: string;
  readonly requestId?: string | undefined;
  /** The secret of a browser that is remembered; never logged. */
  readonly rememberedToken?: string | undefined;
}

/** The id in `account:<id>`; any other doer or subject as it is. */
export const accountIdIn = (actor: string): string => actor.replace(/^account:/, '');
