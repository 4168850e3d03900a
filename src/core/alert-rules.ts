/** What looks like abuse (BIO2, logging and monitoring): how much of what, within which time. */
export const ALERT_KINDS = [
  'failures',
  'failures_of_account',
  'push_bombing',
  'new_places',
  'many_enrolments',
  'reset_spree',
  'new_administrator',
  'logging_disabled',
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

export interface AlertThreshold {
  /** So many; 0 switches it off. */
  readonly count: number;
  readonly minutes: number;
}
export type AlertThresholds = Readonly<Record<AlertKind, AlertThreshold>>;

export const DEFAULT_THRESHOLDS: AlertThresholds = {
  failures: { count: 100, minutes: 10 },
  failures_of_account: { count: 20, minutes: 60 },
  push_bombing: { count: 8, minutes: 60 },
  new_places: { count: 3, minutes: 24 * 60 },
  many_enrolments: { count: 50, minutes: 60 },
  reset_spree: { count: 10, minutes: 60 },
  new_administrator: { count: 1, minutes: 24 * 60 },
  logging_disabled: { count: 1, minutes: 60 },
};
