import type { AlertKind } from '../core/alert-rules.ts';

const FAILURES = ['password.verified', 'code.verified', 'key.verified', 'recovery_code.used', 'temporary_pass.used'];

/** What each counts in the audit log; `logging_disabled` is looked for elsewhere. */
export const COUNTED: Readonly<
  Record<
    Exclude<AlertKind, 'logging_disabled'>,
    {
      readonly actions: readonly string[];
      readonly result: 'success' | 'refused' | undefined;
      readonly per: 'all' | 'account' | 'actor';
    }
  >
> = {
  failures: { actions: FAILURES, result: 'refused', per: 'all' },
  failures_of_account: { actions: FAILURES, result: 'refused', per: 'account' },
  push_bombing: { actions: ['challenge.issued'], result: 'success', per: 'account' },
  new_places: { actions: ['place.new'], result: 'success', per: 'account' },
  many_enrolments: { actions: ['authenticator.activated'], result: 'success', per: 'all' },
  reset_spree: { actions: ['account.reset', 'temporary_pass.issued'], result: 'success', per: 'actor' },
  new_administrator: { actions: ['role.given'], result: 'success', per: 'account' },
};
