import type { AlertThresholds } from '../core/alert-rules.ts';
import { ACR_PHISHING_RESISTANT, type Acr } from '../core/assurance.ts';
import { MOST_REMEMBERED_HOURS, type PolicyDocument } from './document.ts';

/** What of an installation is held against the norms. */
export interface Installation {
  readonly isSecure: boolean;
  readonly numberLength: number;
  readonly adminAcr: Acr;
  readonly alertThresholds: AlertThresholds;
  readonly keyRotationDays: number;
  readonly logLevel: string;
  /** The role that the server runs as could change the audit log's tables. */
  readonly ownsItsTables: boolean;
  readonly owners: number;
  readonly mailsAreKept: boolean;
  readonly policy: PolicyDocument;
}

export type DeviationName =
  | 'plain_http'
  | 'short_number'
  | 'weak_administrators'
  | 'long_memory'
  | 'one_factor'
  | 'grace'
  | 'alerts_off'
  | 'keys_by_hand'
  | 'log_off'
  | 'owns_tables'
  | 'one_owner'
  | 'no_mail';

/** Where an installation does less than a norm asks, by choice; `what` names the setting or the rule. */
export interface Deviation {
  readonly name: DeviationName;
  readonly source: string;
  readonly what: string;
}

/** Pure. The sentences are in i18n (`deviation.<name>`). */
export function deviationsOf(i: Installation): Deviation[] {
  const found: Deviation[] = [];
  const add = (name: DeviationName, source: string, what: string): void => void found.push({ name, source, what });
  if (!i.isSecure) add('plain_http', 'ASVS 5.0, 12.2.1', 'PUBLIC_URL');
  if (i.numberLength < 6) add('short_number', 'NIST SP 800-63B-4, 3.1.3', 'NUMBER_LENGTH');
  if (i.adminAcr !== ACR_PHISHING_RESISTANT) add('weak_administrators', 'NIST SP 800-63B-4, 2.2.2; BIO2', 'ADMIN_ACR');
  for (const { name, outcome, reportOnly } of i.policy.rules) {
    if (reportOnly) continue;
    if ((outcome.rememberBrowserHours ?? 0) > MOST_REMEMBERED_HOURS)
      add('long_memory', 'NIST SP 800-63B-4, 2.2.3', name);
    if (outcome.allow) add('one_factor', 'BIO2', name);
    if (outcome.grace) add('grace', 'BIO2', name);
  }
  const off = Object.entries(i.alertThresholds).filter(([, { count }]) => count === 0);
  if (off.length > 0) add('alerts_off', 'BIO2', off.map(([kind]) => kind).join(', '));
  if (i.keyRotationDays === 0) add('keys_by_hand', 'NIST SP 800-57, 5.3', 'KEY_ROTATION_DAYS');
  if (['silent', 'fatal'].includes(i.logLevel)) add('log_off', 'ASVS 5.0, 16.2; BIO2', 'LOG_LEVEL');
  if (i.ownsItsTables) add('owns_tables', 'ASVS 5.0, 16.4.2', 'DATABASE_OWNER_URL');
  if (i.owners < 2) add('one_owner', 'BIO2', 'account role');
  if (i.mailsAreKept) add('no_mail', 'NIST SP 800-63B-4, 4.6', 'SMTP_URL');
  return found;
}
