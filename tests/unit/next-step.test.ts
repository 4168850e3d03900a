import { describe, expect, it } from 'vitest';
import { ACR_MFA, ACR_PASSWORD, ACR_PHISHING_RESISTANT } from '../../src/core/assurance.ts';
import { nextStep, type Situation } from '../../src/flow/next-step.ts';

const situation = (more: Partial<Situation> = {}): Situation => ({
  state: 'open',
  endReason: null,
  requiredAcr: ACR_MFA,
  proofs: ['password'],
  isPasswordFresh: true,
  isPushFrozen: false,
  authenticators: [{ kind: 'password', state: 'active' }],
  ...more,
});
const phone = (state: 'pending' | 'active' | 'disabled' | 'removed' | 'revoked') => ({ kind: 'push', state }) as const;

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
    expect(nextStep(situation({ isPasswordFresh: false, authenticators: [phone('active')] })).step).toBe('approve');
  });
  it('is never enrolment by the password alone for somebody whose phone is lost, removed or disabled', () => {
    expect(nextStep(situation({ authenticators: [phone('removed')] })).step).toBe('recover');
    expect(nextStep(situation({ authenticators: [phone('disabled')] })).step).toBe('recover');
    expect(nextStep(situation({ isPushFrozen: true })).step).toBe('recover');
  });
  it('is an approval with an active phone, unless push is frozen', () => {
    expect(nextStep(situation({ authenticators: [phone('active')] })).step).toBe('approve');
    expect(nextStep(situation({ authenticators: [phone('active')], isPushFrozen: true })).step).toBe('recover');
  });
  it('is a new enrolment after a recovery code, not the web app', () => {
    expect(nextStep(situation({ proofs: ['password', 'recovery_code'], authenticators: [phone('active')] })).step).toBe(
      'enrol',
    );
    expect(nextStep(situation({ proofs: ['password', 'recovery_code', 'push'] })).step).toBe('finish');
  });
  it('is the end when enough was shown', () => {
    expect(nextStep(situation({ requiredAcr: ACR_PASSWORD }))).toEqual({
      step: 'finish',
      assurance: { acr: ACR_PASSWORD, amr: ['pwd'] },
    });
    expect(nextStep(situation({ proofs: ['password', 'push'] })).step).toBe('finish');
  });
  it('says so when nothing reaches what was asked', () => {
    expect(nextStep(situation({ requiredAcr: ACR_PHISHING_RESISTANT, proofs: ['password', 'push'] })).step).toBe(
      'unreachable',
    );
  });
  it('stays ended, whatever else comes in', () => {
    expect(nextStep(situation({ state: 'ended', endReason: 'denied', proofs: ['password', 'push'] }))).toEqual({
      step: 'ended',
      reason: 'denied',
    });
  });
});
