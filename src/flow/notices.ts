import type { Account } from '../store/accounts.ts';

/** Something a person must hear about, by mail. `to` may be the owner or an administrator. */
export type Notice =
  | { readonly kind: 'authenticator_added'; readonly label: string; readonly ip: string }
  | { readonly kind: 'phone_replaced'; readonly label: string; readonly ip: string }
  | { readonly kind: 'authenticator_disabled'; readonly ip: string }
  | { readonly kind: 'temporary_pass_issued' }
  | { readonly kind: 'key_copied'; readonly ip: string }
  | { readonly kind: 'not_me_reported'; readonly client: string; readonly ip: string }
  | { readonly kind: 'not_me_alert'; readonly email: string; readonly client: string; readonly ip: string }
  | { readonly kind: 'recovery_code_used'; readonly left: number; readonly ip: string }
  | { readonly kind: 'phone_unreachable'; readonly label: string };

/** Sends a notice, later and without failing what caused it. */
export type Notify = (to: Account, notice: Notice) => void;
