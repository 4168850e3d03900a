import { describe, expect, it } from 'vitest';
import { ALERT_KINDS, DEFAULT_THRESHOLDS } from '../../src/core/alert-rules.ts';
import { ACR_MFA, ACR_PHISHING_RESISTANT } from '../../src/core/assurance.ts';
import { type Installation, normChecksOf } from '../../src/policy/norms.ts';

const exemplary: Installation = {
  isSecure: true,
  numberLength: 6,
  adminAcr: ACR_PHISHING_RESISTANT,
  alertThresholds: DEFAULT_THRESHOLDS,
  keyRotationDays: 90,
  auditRetentionDays: 400,
  logLevel: 'info',
  ownsItsTables: false,
  owners: 2,
  uncovered: 0,
  mailsAreKept: false,
  policy: { version: 1, rules: [] } as unknown as Installation['policy'],
};
const notMet = (change: Partial<Installation>): readonly (readonly [string, string])[] =>
  normChecksOf({ ...exemplary, ...change })
    .filter(({ isMet }) => !isMet)
    .map(({ name, what }) => [name, what]);
const ruled = (outcome: object, reportOnly = false): Partial<Installation> => ({
  policy: { rules: [{ name: 'from the office', when: {}, outcome, reportOnly }] } as unknown as Installation['policy'],
});

describe('what the norms ask', () => {
  it('is met by an installation that does all of it, and each thing has its place in a norm', () => {
    expect(notMet({})).toEqual([]);
    for (const { sources } of normChecksOf(exemplary))
      for (const { section } of sources) expect(section).toMatch(/^\d+(\.\d+)+(, \d+(\.\d+)+)*$/);
    expect(normChecksOf(exemplary).every(({ sources }) => sources.length > 0)).toBe(true);
  });

  it.each([
    [{ isSecure: false }, 'plain_http', 'PUBLIC_URL'],
    [{ numberLength: 3 }, 'short_number', 'NUMBER_LENGTH'],
    [{ adminAcr: ACR_MFA }, 'weak_administrators', 'ADMIN_ACR'],
    [{ keyRotationDays: 0 }, 'keys_by_hand', 'KEY_ROTATION_DAYS'],
    [{ auditRetentionDays: 90 }, 'short_retention', 'AUDIT_RETENTION_DAYS'],
    [{ logLevel: 'silent' }, 'log_off', 'LOG_LEVEL'],
    [{ ownsItsTables: true }, 'owns_tables', 'DATABASE_OWNER_URL'],
    [{ owners: 1 }, 'one_owner', 'account role'],
    [{ uncovered: 7 }, 'uncovered', '7'],
    [{ mailsAreKept: true }, 'no_mail', 'SMTP_URL'],
    [
      { alertThresholds: { ...DEFAULT_THRESHOLDS, [ALERT_KINDS[0]]: { count: 0, minutes: 1 } } },
      'alerts_off',
      ALERT_KINDS[0],
    ],
    [ruled({ allow: '1fa' }), 'one_factor', 'from the office'],
    [ruled({ grace: { days: 7 } }), 'grace', 'from the office'],
    [ruled({ rememberBrowserHours: 48 }), 'long_memory', 'from the office'],
  ] as const)('is not met where %j, and only there', (change, name, what) => {
    expect(notMet(change as Partial<Installation>)).toEqual([[name, what]]);
  });

  it('is not touched by a rule that only reports, or a memory of a day', () => {
    expect(notMet(ruled({ allow: '1fa' }, true))).toEqual([]);
    expect(notMet(ruled({ rememberBrowserHours: 24 }))).toEqual([]);
  });
});
