import type { AlertKind } from '../core/alert-rules.ts';
import type { Account } from '../store/accounts.ts';

/** Something that a person must hear about, by mail. `to` may be the owner or an administrator. */
export type Notice =
  | { readonly kind: 'first_password' | 'password_reset'; readonly url: string }
  | { readonly kind: 'password_changed' | 'recovery_codes_renewed'; readonly ip: string }
  | {
      readonly kind: 'authenticator_added' | 'authenticator_removed' | 'phone_replaced';
      readonly label: string;
      readonly ip: string;
    }
  | { readonly kind: 'authenticator_disabled' | 'key_copied'; readonly ip: string }
  | { readonly kind: 'temporary_pass_issued' | 'password_elsewhere' | 'mail_test' }
  | { readonly kind: 'account_linked'; readonly client: string }
  /** `undoUrl` goes to every address: it only gives back what the owner had. */
  | { readonly kind: 'account_reset'; readonly undoUrl: string }
  | { readonly kind: 'account_reset_stolen' }
  | { readonly kind: 'reset_undone'; readonly ip: string }
  | { readonly kind: 'reset_undone_alert'; readonly email: string; readonly ip: string }
  | { readonly kind: 'alert'; readonly alert: AlertKind; readonly subject: string; readonly count: number }
  | { readonly kind: 'address_changed'; readonly email: string }
  /** `pageUrl` is an address that everybody may know. */
  | { readonly kind: 'enrolment_reminder'; readonly deadline: string; readonly pageUrl: string }
  | { readonly kind: 'recovery_code_used'; readonly left: number; readonly ip: string }
  | {
      readonly kind: 'new_place';
      readonly client: string;
      readonly browser: string;
      readonly ip: string;
      readonly place: string;
    }
  | { readonly kind: 'not_me_reported'; readonly client: string; readonly ip: string }
  | { readonly kind: 'not_me_secured'; readonly ip: string }
  | { readonly kind: 'not_me_alert'; readonly email: string; readonly client: string; readonly ip: string }
  | { readonly kind: 'not_me_said'; readonly email: string; readonly ip: string }
  | { readonly kind: 'declined_unknown'; readonly client: string; readonly ip: string }
  | { readonly kind: 'declined_alert'; readonly email: string; readonly client: string; readonly ip: string }
  | { readonly kind: 'phone_unreachable'; readonly label: string };

/** What its owner may not have done: the mail about it has a link "this was not me". */
const ALARMS: readonly Notice['kind'][] = [
  'password_changed',
  'recovery_codes_renewed',
  'authenticator_added',
  'authenticator_removed',
  'phone_replaced',
  'temporary_pass_issued',
  'account_linked',
  'account_reset_stolen',
  'address_changed',
  'recovery_code_used',
  'new_place',
  'declined_unknown',
];
export const isAlarm = ({ kind }: Notice): boolean => ALARMS.includes(kind);

/**
 * Sends a notice, without failing what caused it and without holding it up: resolves when the mail is kept, and is
 * waited for only by whoever promises that it comes.
 */
export type Notify = (to: Account, notice: Notice) => Promise<void>;
