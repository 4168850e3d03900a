/**
 * An expected "no". Refusals are values: a journey returns them, a page turns them into a sentence.
 * Faults are errors (see errors.ts).
 */
export type RefusalCode =
  | 'wrong_credentials'
  | 'wait'
  | 'password_weak'
  | 'password_personal'
  | 'password_common'
  | 'password_there'
  | 'account_exists'
  | 'account_unknown'
  | 'email_invalid'
  | 'group_invalid'
  | 'enrolment_code_unknown'
  | 'enrolment_code_used'
  | 'enrolment_code_expired'
  | 'key_in_use'
  | 'binding_not_ready'
  | 'proof_invalid'
  | 'proof_replayed'
  | 'proof_time'
  | 'authenticator_unknown'
  | 'last_authenticator'
  | 'label_missing'
  | 'subscription_invalid'
  | 'endpoint_not_allowed'
  | 'challenge_unknown'
  | 'challenge_closed'
  | 'challenge_expired'
  | 'answer_invalid'
  | 'wrong_number'
  | 'gate_required'
  | 'gate_invalid'
  | 'push_frozen'
  | 'push_exhausted'
  | 'no_authenticator'
  | 'recovery_code_wrong'
  | 'temporary_pass_wrong'
  | 'code_wrong'
  | 'key_invalid'
  | 'key_copied'
  | 'key_model_not_allowed'
  | 'authenticator_disabled'
  | 'own_account'
  | 'account_revoked'
  | 'transfer_not_ready'
  | 'invitation_invalid'
  | 'link_invalid'
  | 'access_denied'
  | 'retention_too_short'
  | 'nothing_to_remove'
  | 'log_not_intact'
  | 'role_too_high'
  | 'last_owner'
  | 'version_changed'
  | 'kept_elsewhere'
  | 'kept_here'
  | 'not_revoked'
  | 'reason_missing'
  | 'verification_missing'
  | 'verification_invalid'
  | 'case_unknown'
  | 'case_open'
  | 'case_repeated'
  | 'case_closed'
  | 'second_person_same'
  | 'second_person_machine'
  | 'second_person_keeper'
  | 'webhook_unknown'
  | 'delivery_unknown'
  | 'address_invalid'
  | 'event_invalid'
  | 'alert_unknown'
  | 'line_unreadable'
  | 'value_unknown'
  | 'email_twice'
  | 'guest_left_out'
  | 'role_not_allowed'
  | 'import_unknown'
  | 'import_closed'
  | 'import_too_large'
  | 'import_not_text'
  | 'import_columns'
  | 'import_column_unknown'
  | 'group_exists'
  | 'group_unknown'
  | 'name_missing'
  | 'dates_invalid'
  | 'campaign_unknown'
  | 'campaign_there'
  | 'group_empty'
  | 'campaign_ended';

export interface Refusal {
  readonly code: RefusalCode;
  /** Which part of what was given it is about, by its name there. */
  readonly field?: string;
  /** What else is wrong with what was given, where more is looked at in one go. */
  readonly others?: readonly Refusal[];
  /** Seconds until it is worth trying again, where waiting helps. */
  readonly retryAfterSeconds?: number;
  /** Tries that are left before the thing is closed, where that is counted. */
  readonly triesLeft?: number;
  /** Which authenticator, for whoever handles the refusal; never shown. */
  readonly authenticatorId?: string;
  /** Seconds since 1970 by our clock, for a phone whose own clock is wrong. */
  readonly serverTime?: number;
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export const accept = <T>(value: T): Result<T> => ({ ok: true, value });

/** Everything that is wrong, said at once; undefined where nothing is. */
export const refuseAll = ([first, ...others]: readonly Refusal[]): { ok: false; refusal: Refusal } | undefined =>
  first && { ok: false, refusal: others.length > 0 ? { ...first, others } : first };

export const refuse = (code: RefusalCode, more: Omit<Refusal, 'code'> = {}): { ok: false; refusal: Refusal } => ({
  ok: false,
  refusal: { code, ...more },
});
