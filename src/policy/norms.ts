import type { AlertThresholds } from '../core/alert-rules.ts';
import { ACR_PHISHING_RESISTANT, type Acr } from '../core/assurance.ts';
import { NORMS } from '../core/norms.ts';
import { MOST_REMEMBERED_HOURS, type PolicyDocument } from './document.ts';

/** What of an installation is held against the norms. */
export interface Installation {
  readonly isSecure: boolean;
  readonly numberLength: number;
  readonly adminAcr: Acr;
  readonly alertThresholds: AlertThresholds;
  readonly keyRotationDays: number;
  readonly auditRetentionDays: number;
  readonly logLevel: string;
  /** The role that the server runs as could change the audit log's tables. */
  readonly ownsItsTables: boolean;
  readonly owners: number;
  /** People who have no second factor. */
  readonly uncovered: number;
  readonly mailsAreKept: boolean;
  readonly policy: PolicyDocument;
}

/** Where each norm asks for something that a setting, a rule or the people here decide. */
const ASKED = {
  plain_http: { asvs: '12.2.1', bio2: '5.14.01' },
  one_factor: { nist: '2.2.1', asvs: '6.3.2', bio2: '5.17.01' },
  grace: { bio2: '5.17.01' },
  uncovered: { bio2: '5.17.01' },
  weak_administrators: { nist: '2.2.2', asvs: '6.3.7', bio2: '5.17.01' },
  short_number: { nist: '3.1.3', asvs: '6.5.4' },
  long_memory: { nist: '2.2.3' },
  no_mail: { nist: '4.6', asvs: '6.3.6' },
  alerts_off: { asvs: '6.3.4', bio2: '5.17.01, 8.16.03' },
  one_owner: { asvs: '2.3.5' },
  keys_by_hand: { asvs: '13.3.4' },
  log_off: { asvs: '16.3.4', bio2: '8.15.01' },
  owns_tables: { asvs: '16.4.2', bio2: '8.15.05' },
  short_retention: { bio2: '8.15.04, 8.18.02' },
} as const satisfies Record<string, { nist?: string; asvs?: string; bio2?: string }>;

export type NormName = keyof typeof ASKED;

/** One thing that norms ask, and whether it is so here; `what` names the setting or the rules that decide. */
export interface NormCheck {
  readonly name: NormName;
  readonly isMet: boolean;
  readonly what: string;
  readonly sources: readonly { readonly norm: (typeof NORMS)[number]; readonly section: string }[];
}

/** BIO2 8.18.02: what administrators did can be looked into for half a year. */
const SHORTEST_RETENTION_DAYS = 183;

/** Pure. The sentences are in i18n: `norm.<name>` is what is asked, `deviation.<name>` what is so where it is not met. */
export function normChecksOf(i: Installation): NormCheck[] {
  const rules = (isSo: (outcome: PolicyDocument['rules'][number]['outcome']) => boolean): string =>
    i.policy.rules
      .filter(({ outcome, reportOnly }) => !reportOnly && isSo(outcome))
      .map(({ name }) => name)
      .join(', ');
  const off = Object.entries(i.alertThresholds)
    .filter(([, { count }]) => count === 0)
    .map(([kind]) => kind)
    .join(', ');
  const weak = rules(({ allow }) => allow !== undefined);
  const late = rules(({ grace }) => grace !== undefined);
  const long = rules(({ rememberBrowserHours = 0 }) => rememberBrowserHours > MOST_REMEMBERED_HOURS);
  const found: Record<NormName, readonly [isMet: boolean, what: string]> = {
    plain_http: [i.isSecure, 'PUBLIC_URL'],
    one_factor: [!weak, weak || 'policy'],
    grace: [!late, late || 'policy'],
    uncovered: [i.uncovered === 0, String(i.uncovered)],
    weak_administrators: [i.adminAcr === ACR_PHISHING_RESISTANT, 'ADMIN_ACR'],
    short_number: [i.numberLength >= 6, 'NUMBER_LENGTH'],
    long_memory: [!long, long || 'policy'],
    no_mail: [!i.mailsAreKept, 'SMTP_URL'],
    alerts_off: [!off, off || 'ALERTS'],
    one_owner: [i.owners >= 2, 'account role'],
    keys_by_hand: [i.keyRotationDays > 0, 'KEY_ROTATION_DAYS'],
    log_off: [!['silent', 'fatal'].includes(i.logLevel), 'LOG_LEVEL'],
    owns_tables: [!i.ownsItsTables, 'DATABASE_OWNER_URL'],
    short_retention: [i.auditRetentionDays >= SHORTEST_RETENTION_DAYS, 'AUDIT_RETENTION_DAYS'],
  };
  return Object.entries(ASKED).map(([name, { nist, asvs, bio2 }]: [string, Sections]) => {
    const [isMet, what] = found[name as NormName];
    const sources = [nist, asvs, bio2].flatMap((section, norm) => (section ? [{ norm: NORMS[norm]!, section }] : []));
    return { name: name as NormName, isMet, what, sources };
  });
}

type Sections = { readonly nist?: string; readonly asvs?: string; readonly bio2?: string };
