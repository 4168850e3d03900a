import type { Proof } from '../core/assurance.ts';
import type { Origin } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { AuthenticatorKind } from '../store/authenticators.ts';
import type { LoginTransactions } from '../store/login-transactions.ts';
import { type Audit, byAccount } from './audit.ts';
import type { BindingView } from './binding.ts';
import type { Guessing } from './guessing.ts';
import type { Notify } from './notices.ts';

/**
 * A new authenticator has passed its test and counts from now on: the sign-in that was interrupted hears of it, the
 * log keeps it, its owner is told.
 */
export type AnnounceBound = (
  view: Pick<BindingView, 'session' | 'account'>,
  authenticator: { readonly id: string; readonly kind: AuthenticatorKind; readonly label: string },
  proof: Proof,
  origin: Origin,
  detail?: Readonly<Record<string, unknown>>,
) => Promise<void>;

export function createAnnounceBound(n: {
  transactions: LoginTransactions;
  guessing: Guessing;
  audit: Audit;
  notify: Notify;
  clock: Clock;
}): AnnounceBound {
  return async ({ session, account }, { id, kind, label }, proof, origin, detail = {}) => {
    await n.guessing.forget(account.id, kind);
    if (session.loginUid) await n.transactions.prove(session.loginUid, { accountId: account.id, proof }, n.clock.now());
    await n.audit({
      action: 'authenticator.activated',
      object: `authenticator:${id}`,
      result: 'success',
      ...byAccount(account, origin),
      detail: { kind, label, ...detail },
    });
    n.notify(account, { kind: 'authenticator_added', label, ip: origin.ip });
  };
}
