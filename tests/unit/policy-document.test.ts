import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ACR_MFA, ACR_PASSWORD, ACR_PHISHING_RESISTANT } from '../../src/core/assurance.ts';
import { mistakeInEnglish } from '../../src/i18n/mistakes.ts';
import { decide, type Facts } from '../../src/policy/decide.ts';
import { DEFAULT_POLICY, type PolicyDocument, parsePolicy } from '../../src/policy/document.ts';
import { isInNetwork, networkOf } from '../../src/policy/networks.ts';

const now = new Date('2026-11-22T12:00:00Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);
const facts = (more: Partial<Facts> = {}): Facts => ({
  client: 'app',
  clientRequires: null,
  requested: null,
  groups: [],
  ip: '203.0.113.7',
  accountCreatedAt: hoursAgo(24 * 100),
  has: ['push'],
  lastStrongAt: hoursAgo(5),
  hasHadOne: true,
  rememberedAt: null,
  graceSince: null,
  graceSignIns: 0,
  now,
  ...more,
});
const policyOf = (...rules: object[]): PolicyDocument => {
  const parsed = parsePolicy({ rules: rules.map((rule, index) => ({ name: `rule ${index + 1}`, ...rule })) });
  if (!parsed.ok) throw new Error(parsed.mistakes.map(mistakeInEnglish).join('; '));
  return parsed.policy;
};
const problemsOf = (...rules: object[]): string => {
  const parsed = parsePolicy({ rules: rules.map((rule, index) => ({ name: `rule ${index + 1}`, ...rule })) });
  return parsed.ok ? '' : parsed.mistakes.map(mistakeInEnglish).join('\n');
};

describe('without rules', () => {
  it('a second factor is asked of everyone, everywhere, without grace', () => {
    expect(decide(DEFAULT_POLICY, facts())).toEqual({
      access: ACR_MFA,
      reauthenticateAfter: null,
      enrolment: 'allow',
      mayPostpone: false,
      rememberFor: null,
      because: { access: 'the default: a second factor, always' },
    });
    expect(decide(DEFAULT_POLICY, facts({ rememberedAt: now })).access).toBe(ACR_MFA);
  });
  it('what a web app is registered with counts, and what it asks now', () => {
    expect(decide(DEFAULT_POLICY, facts({ clientRequires: ACR_PASSWORD })).access).toBe(ACR_PASSWORD);
    expect(decide(DEFAULT_POLICY, facts({ clientRequires: ACR_PASSWORD, requested: ACR_MFA })).access).toBe(ACR_MFA);
    expect(decide(DEFAULT_POLICY, facts({ clientRequires: ACR_PHISHING_RESISTANT })).access).toBe(
      ACR_PHISHING_RESISTANT,
    );
  });
});

describe('a rule', () => {
  const accessWith = (when: object, more: Partial<Facts>) =>
    decide(policyOf({ when, outcome: { require: 'phr' } }), facts(more)).access === ACR_PHISHING_RESISTANT;

  it('holds when all of its conditions do', () => {
    expect(accessWith({}, {})).toBe(true);
    expect(accessWith({ clients: ['app', 'other'] }, {})).toBe(true);
    expect(accessWith({ clients: ['other'] }, {})).toBe(false);
    expect(accessWith({ groups: ['beheer'] }, { groups: ['p&o', 'beheer'] })).toBe(true);
    expect(accessWith({ groups: ['beheer'] }, {})).toBe(false);
    expect(accessWith({ networks: ['203.0.113.0/24'] }, {})).toBe(true);
    expect(accessWith({ networks: ['203.0.113.0/24'] }, { ip: '198.51.100.1' })).toBe(false);
    expect(accessWith({ notNetworks: ['203.0.113.0/24'] }, {})).toBe(false);
    expect(accessWith({ accountAgeDays: { max: 14 } }, {})).toBe(false);
    expect(accessWith({ accountAgeDays: { max: 14 } }, { accountCreatedAt: hoursAgo(24 * 13) })).toBe(true);
    expect(accessWith({ has: ['webauthn'] }, {})).toBe(false);
    expect(accessWith({ has: ['any'] }, {})).toBe(true);
    expect(accessWith({ lacks: ['any'] }, { has: [] })).toBe(true);
    expect(accessWith({ lacks: ['webauthn'] }, {})).toBe(true);
    expect(accessWith({ hoursSinceStrongSignIn: { min: 4 } }, {})).toBe(true);
    expect(accessWith({ hoursSinceStrongSignIn: { max: 4 } }, {})).toBe(false);
    expect(accessWith({ hoursSinceStrongSignIn: { min: 1000 } }, { lastStrongAt: null })).toBe(true);
    expect(accessWith({ rememberedBrowser: true }, {})).toBe(false);
    expect(accessWith({ clients: ['app'], groups: ['beheer'] }, {})).toBe(false);
  });

  it('comes before the ones after it, for each thing that is decided', () => {
    const policy = policyOf(
      { when: { networks: ['10.0.0.0/8'] }, outcome: { allow: '1fa' } },
      { when: { groups: ['beheer'] }, outcome: { require: 'phr', reauthenticateAfterHours: 1 } },
      { outcome: { reauthenticateAfterHours: 8 } },
    );
    const atWork = decide(policy, facts({ ip: '10.1.2.3', groups: ['beheer'] }));
    expect(atWork).toMatchObject({
      access: ACR_PASSWORD,
      reauthenticateAfter: 3600,
      because: { access: 'rule 1', reauthentication: 'rule 2' },
    });
    expect(decide(policy, facts({ groups: ['beheer'] })).access).toBe(ACR_PHISHING_RESISTANT);
    expect(decide(policy, facts()).because).toEqual({
      access: 'the default: a second factor, always',
      reauthentication: 'rule 3',
    });
  });

  it('never lowers what a web app or its request asks', () => {
    const policy = policyOf({ outcome: { allow: '1fa' } });
    expect(decide(policy, facts()).access).toBe(ACR_PASSWORD);
    expect(decide(policy, facts({ requested: ACR_MFA }))).toMatchObject({
      access: ACR_MFA,
      because: { access: 'the request of the web app' },
    });
    expect(decide(policy, facts({ clientRequires: ACR_PHISHING_RESISTANT })).access).toBe(ACR_PHISHING_RESISTANT);
    const higher = policyOf({ outcome: { require: 'mfa' } });
    expect(decide(higher, facts({ clientRequires: ACR_PASSWORD })).access).toBe(ACR_MFA);
  });

  it('denies, and says by which rule', () => {
    const policy = policyOf({ when: { notNetworks: ['10.0.0.0/8'] }, outcome: { deny: true } });
    expect(decide(policy, facts({ requested: ACR_MFA }))).toMatchObject({
      access: 'deny',
      because: { access: 'rule 1' },
    });
  });

  it('that only reports decides nothing, until it is asked what if', () => {
    const policy = policyOf({ outcome: { require: 'phr' }, reportOnly: true });
    expect(decide(policy, facts()).access).toBe(ACR_MFA);
    expect(decide(policy, facts(), true).access).toBe(ACR_PHISHING_RESISTANT);
  });

  it('gives grace by days or by sign-ins, to whoever has nothing yet and is asked by the policy alone', () => {
    const days = policyOf({ outcome: { grace: { days: 14 } } });
    const none = { has: [], hasHadOne: false };
    expect(decide(days, facts({ ...none, hasHadOne: true })).mayPostpone).toBe(false);
    expect(decide(days, facts(none)).mayPostpone).toBe(true);
    expect(decide(days, facts({ ...none, graceSince: hoursAgo(13 * 24) })).mayPostpone).toBe(true);
    expect(decide(days, facts({ ...none, graceSince: hoursAgo(14 * 24) })).mayPostpone).toBe(false);
    expect(decide(days, facts()).mayPostpone).toBe(false);
    expect(decide(days, facts({ ...none, requested: ACR_MFA })).mayPostpone).toBe(false);
    expect(decide(days, facts({ ...none, clientRequires: ACR_MFA })).mayPostpone).toBe(false);
    const signIns = policyOf({ outcome: { grace: { signIns: 3 } } });
    expect(decide(signIns, facts({ ...none, graceSignIns: 2 })).mayPostpone).toBe(true);
    expect(decide(signIns, facts({ ...none, graceSignIns: 3 })).mayPostpone).toBe(false);
  });

  it('remembers a browser in the place of the second factor that the policy asks, never of one that an app asks', () => {
    const policy = policyOf({ outcome: { rememberBrowserHours: 12 } });
    expect(decide(policy, facts())).toMatchObject({ access: ACR_MFA, rememberFor: 12 * 3600 });
    const remembered = { rememberedAt: hoursAgo(11) };
    expect(decide(policy, facts(remembered)).access).toBe(ACR_PASSWORD);
    // Whatever rule it was remembered under: the one that counts now says for how long.
    expect(decide(policy, facts({ rememberedAt: hoursAgo(13) })).access).toBe(ACR_MFA);
    expect(decide(policy, facts({ ...remembered, requested: ACR_MFA })).access).toBe(ACR_MFA);
    expect(decide(policy, facts({ ...remembered, clientRequires: ACR_MFA })).access).toBe(ACR_MFA);
    const key = policyOf({ outcome: { require: 'phr', rememberBrowserHours: 12 } });
    expect(decide(key, facts(remembered))).toMatchObject({ access: ACR_PHISHING_RESISTANT, rememberFor: null });
  });
});

describe('a policy that cannot be used says why', () => {
  it.each([
    ['no JSON object', 'x', /The policy/],
    ['unknown fields', { rules: [], rulez: [] }, /rulez/],
    ['no name', { rules: [{ outcome: { deny: true } }] }, /rules\.0\.name/],
    [
      'an unknown condition',
      { rules: [{ name: 'a', when: { moon: 'full' }, outcome: { deny: true } }] },
      /“a”\.when.*moon/,
    ],
    ['an unknown class', { rules: [{ name: 'a', outcome: { require: 'aal4' } }] }, /outcome.require/],
    [
      'no network',
      { rules: [{ name: 'a', when: { networks: ['kantoor'] }, outcome: { deny: true } }] },
      /is not an address or a network/,
    ],
    ['an empty list', { rules: [{ name: 'a', when: { clients: [] }, outcome: { deny: true } }] }, /must not be empty/],
    [
      'min above max',
      { rules: [{ name: 'a', when: { accountAgeDays: { min: 9, max: 1 } }, outcome: { deny: true } }] },
      /min above its max/,
    ],
    [
      'a number that is none',
      { rules: [{ name: 'a', outcome: { reauthenticateAfterHours: -1 } }] },
      /reauthenticateAfterHours/,
    ],
  ])('malformed: %s', (_name, document, expected) => {
    const parsed = parsePolicy(document);
    expect(parsed.ok ? '' : parsed.mistakes.map(mistakeInEnglish).join('\n')).toMatch(expected);
  });

  it('contradictory', () => {
    expect(problemsOf({ outcome: { require: 'mfa', deny: true } })).toContain(
      'more than one of require, allow and deny',
    );
    expect(problemsOf({ outcome: {} })).toContain('decides nothing');
    expect(problemsOf({ name: 'a', outcome: { deny: true } }, { name: 'a', outcome: { allow: '1fa' } })).toContain(
      'the same name',
    );
    expect(problemsOf({ when: { has: ['push'], lacks: ['push'] }, outcome: { deny: true } })).toContain(
      'can never hold',
    );
    expect(problemsOf({ when: { has: ['push'], lacks: ['any'] }, outcome: { deny: true } })).toContain(
      'can never hold',
    );
    expect(
      problemsOf({ outcome: { require: 'mfa' } }, { when: { groups: ['x'] }, outcome: { allow: '1fa' } }),
    ).toContain('Rule “rule 2” is never reached: “rule 1” before it always decides.');
    expect(problemsOf({ outcome: { require: 'mfa' } }, { outcome: { allow: '1fa', grace: { days: 1 } } })).toBe('');
    expect(problemsOf({ outcome: { require: 'mfa' }, reportOnly: true }, { outcome: { allow: '1fa' } })).toBe('');
  });

  it('a memory of more than a day without a word why', () => {
    expect(problemsOf({ outcome: { rememberBrowserHours: 25 } })).toContain('more than 24 hours');
    expect(
      problemsOf({ outcome: { rememberBrowserHours: 720, acceptDeviation: 'decided by the CISO, file 12' } }),
    ).toBe('');
    expect(problemsOf({ outcome: { deny: true, acceptDeviation: 'decided by the CISO' } })).toContain(
      'without having one',
    );
  });
});

describe('docs/policy.md', () => {
  it('shows a policy that can be used', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/policy.md'), 'utf8');
    const example = /```json\n([\s\S]*?)```/.exec(page)![1]!;
    expect(parsePolicy(JSON.parse(example))).toMatchObject({ ok: true });
  });
});

describe('networks', () => {
  it('match addresses of their own kind, IPv4 in IPv6 clothes included', () => {
    expect(isInNetwork('10.1.2.3', '10.0.0.0/8')).toBe(true);
    expect(isInNetwork('::ffff:10.1.2.3', '10.0.0.0/8')).toBe(true);
    expect(isInNetwork('2001:db8::1', '2001:db8::/32')).toBe(true);
    expect(isInNetwork('2001:db8::1', '10.0.0.0/8')).toBe(false);
    expect(isInNetwork('203.0.113.7', '203.0.113.7')).toBe(true);
    expect(isInNetwork('nonsense', '0.0.0.0/0')).toBe(false);
  });
  it('stand for places', () => {
    expect(networkOf('203.0.113.7')).toBe(networkOf('203.0.113.200'));
    expect(networkOf('203.0.113.7')).not.toBe(networkOf('203.0.114.7'));
    expect(networkOf('2001:db8:1::1')).toBe(networkOf('2001:db8:1:ffff::1'));
  });
});
