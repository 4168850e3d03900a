/** What an installation depends on, each looked at. In the order in which it is told. */
export const CHECKUP_PARTS = [
  'configuration',
  'database',
  'clock',
  'audit_log',
  'mail',
  'push',
  'certificate',
  'address',
  'keys',
  'disk',
  'backup',
  'webhooks',
  'directory',
  'norms',
  'account',
] as const;
export type CheckupPart = (typeof CHECKUP_PARTS)[number];

/** How it is. The name has its words in i18n (`checkup.<name>`): where it is not well, with what to do; the facts fill them in. */
export interface Finding {
  readonly level: 'ok' | 'hint' | 'bad';
  readonly part: CheckupPart;
  readonly name: FindingName;
  readonly facts: Readonly<Record<string, string | number>>;
}

export type FindingName =
  | 'unlookable'
  | 'places_unreadable'
  | 'settings_ok'
  | 'setting_unknown'
  | 'http_only'
  | 'database_old'
  | 'database_ok'
  | 'disk_not_awaited'
  | 'clock_off'
  | 'clock_ok'
  | 'log_guarded'
  | 'log_not_guarded'
  | 'log_late'
  | 'log_ok'
  | 'mails_waiting'
  | 'mail_kept'
  | 'mail_ok'
  | 'mail_refused'
  | 'push_none'
  | 'push_ok'
  | 'push_failing'
  | 'certificate_ending'
  | 'certificate_ok'
  | 'certificate_unusable'
  | 'address_ok'
  | 'address_elsewhere'
  | 'address_silent'
  | 'keys_old'
  | 'keys_ok'
  | 'key_former'
  | 'key_readable'
  | 'disk_full'
  | 'disk_ok'
  | 'backup_never'
  | 'backup_old'
  | 'backup_ok'
  | 'dead_letters'
  | 'directory_unread'
  | 'norms_not_met'
  | 'norms_ok'
  | 'root';
