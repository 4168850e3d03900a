import type { AuditEvent, Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { AuditStore } from '../store/audit.ts';
import type { Fragment } from '../store/database.ts';

/** Who did it and from where, for an event that a person caused in their browser. */
export const byAccount = (account: { id: string }, origin: Origin) => ({
  ...from(origin),
  actor: `account:${account.id}`,
  accountId: account.id,
});

/** The same for what a phone did. */
export const byPhone = ({ authenticator, account }: PhoneOfAccount, origin: Origin) => ({
  ...from(origin),
  actor: `authenticator:${authenticator.id}`,
  accountId: account.id,
});

/** Where it came from, for somebody who is not known yet. */
export const from = (origin: Origin) => ({ origin: origin.ip, requestId: origin.requestId });

interface PhoneOfAccount {
  readonly authenticator: { readonly id: string };
  readonly account: { readonly id: string };
}

/**
 * Keeps one fact. It is awaited before the person hears the outcome.
 * @param alongside what is kept by the same statement
 */
export type Audit = (event: AuditEvent, alongside?: Fragment) => Promise<void>;

export const createAudit =
  (store: AuditStore, clock: Clock): Audit =>
  (event, alongside) =>
    store.append(event, clock.now(), alongside);
