import { describe, expect, it } from 'vitest';
import { ACR_MFA, ACR_PASSWORD, ACR_PHISHING_RESISTANT } from '../../src/core/assurance.ts';
import { nextStep, type Situation } from '../../src/flow/next-step.ts';

const situation = (more: Partial<Situation> = {}): Situation => ({
  state: 'open',
  endReason: null,
  access: ACR_MFA,
  enrolment: 'allow',
  mayPostpone: false,
  isPostponed: false,
  proofs: ['password'],
  isPasswordFresh: true,
  isPushFrozen: false,
  authenticators: [{ kind: 'password', state: 'active' }],
  ...more,
});
const key = { kind: 'webauthn', state: 'active' } as const;
const phone = (state: 'pending' | 'active' | 'disabled' | 'removed' | 'revoked') => ({ kind: 'push', state }) as const;

const ONLY_RECOVERY = { step: 'prove', ways: ['recovery_code', 'temporary_pass'], mayPostpone: false };

describe('the next step', () => {
  it('is the password while nothing was shown', () => {
    expect(nextStep(situation({ proofs: [] })).step).toBe('password');
    expect(nextStep(situation({ proofs: ['push'] })).step).toBe('password');
  });
  it('is enrolment for somebody who never had a second factor', () => {
    expect(nextStep(situation()).step).toBe('enrol');
    expect(nextStep(situation({ authenticators: [phone('pending')] })).step).toBe('enrol');
    expect(nextStep(situation({ authenticators: [phone('revoked')] })).step).toBe('enrol');
  });
  it('is the password again when enrolment comes more than ten minutes after it', () => {
    expect(nextStep(situation({ isPasswordFresh: false })).step).toBe('password');
    expect(nextStep(situation({ isPasswordFresh: false, proofs: ['password', 'recovery_code'] })).step).toBe(
      'password',
    );
    expect(nextStep(situation({ isPasswordFresh: false, authenticators: [phone('active')] })).step).toBe('prove');
  });
  it('is never enrolment by the password alone for somebody whose phone is lost, removed or disabled', () => {
    expect(nextStep(situation({ authenticators: [phone('removed')] }))).toEqual(ONLY_RECOVERY);
    expect(nextStep(situation({ authenticators: [phone('disabled')] }))).toEqual(ONLY_RECOVERY);
    expect(nextStep(situation({ isPushFrozen: true }))).toEqual(ONLY_RECOVERY);
  });
  it('is an approval with an active phone, unless push is frozen', () => {
    expect(nextStep(situation({ authenticators: [phone('active')] })).step).toBe('prove');
    expect(nextStep(situation({ authenticators: [phone('active')], isPushFrozen: true }))).toEqual(ONLY_RECOVERY);
  });
  it('is a new enrolment after a recovery code, not the web app', () => {
    expect(nextStep(situation({ proofs: ['password', 'recovery_code'], authenticators: [phone('active')] })).step).toBe(
      'enrol',
    );
    expect(nextStep(situation({ proofs: ['password', 'recovery_code', 'push'] })).step).toBe('finish');
  });
  it('is the end when enough was shown', () => {
    expect(nextStep(situation({ access: ACR_PASSWORD }))).toEqual({
      step: 'finish',
      assurance: { acr: ACR_PASSWORD, amr: ['pwd'] },
    });
    expect(nextStep(situation({ proofs: ['password', 'push'] })).step).toBe('finish');
  });
  it('offers what the account has, strongest first, and ways to recover last', () => {
    const kinds = ['totp', 'push', 'webauthn'] as const;
    const authenticators = kinds.map((kind) => ({ kind, state: 'active' as const }));
    const ways = (more: Partial<Situation>) => {
      const step = nextStep(situation({ authenticators, ...more }));
      return step.step === 'prove' ? step.ways : step.step;
    };
    expect(ways({})).toEqual(['webauthn', 'push', 'totp', 'recovery_code', 'temporary_pass']);
    expect(ways({ isPushFrozen: true })).toEqual(['webauthn', 'totp', 'recovery_code', 'temporary_pass']);
    expect(ways({ authenticators: authenticators.slice(0, 1) })).toEqual(['totp', 'recovery_code', 'temporary_pass']);
  });
  it('is a key where one is asked for, and adding one for whoever has proven something else', () => {
    const asked = { access: ACR_PHISHING_RESISTANT } as const;
    expect(nextStep(situation({ ...asked, authenticators: [key, phone('active')] }))).toEqual({
      step: 'prove',
      ways: ['webauthn', 'recovery_code', 'temporary_pass'],
      mayPostpone: false,
    });
    expect(nextStep(situation({ ...asked, authenticators: [phone('active')] }))).toEqual({
      step: 'prove',
      ways: ['push', 'recovery_code', 'temporary_pass'],
      mayPostpone: false,
    });
    expect(nextStep(situation({ ...asked, proofs: ['password', 'push'], authenticators: [phone('active')] }))).toEqual({
      step: 'enrol',
      needsKey: true,
      mayPostpone: false,
      mayEnrol: true,
    });
    expect(nextStep(situation(asked))).toEqual({ step: 'enrol', needsKey: true, mayPostpone: false, mayEnrol: true });
    expect(nextStep(situation({ ...asked, proofs: ['password', 'security_key'] })).step).toBe('finish');
  });
  it('is the end after a passkey alone, and the password after any other key alone', () => {
    for (const proof of ['passkey', 'synced_passkey'] as const)
      expect(nextStep(situation({ access: ACR_PHISHING_RESISTANT, proofs: [proof] })).step).toBe('finish');
    for (const proof of ['security_key', 'synced_key'] as const)
      expect(nextStep(situation({ proofs: [proof] })).step).toBe('password');
  });
  it('stays ended, whatever else comes in', () => {
    expect(nextStep(situation({ state: 'ended', endReason: 'denied', proofs: ['password', 'push'] }))).toEqual({
      step: 'ended',
      reason: 'denied',
    });
  });
});
