import { describe, expect, it } from 'vitest';
import { isCommonPassword } from '../../src/authenticators/password/blocklist.ts';
import { ACR_MFA, ACR_PASSWORD, ACR_PHISHING_RESISTANT, acrNamed, satisfies } from '../../src/core/assurance.ts';
import { assuranceOf, proofsOf } from '../../src/policy/assurance.ts';
import { isOfficeHour } from '../../src/policy/office-hours.ts';
import { passwordProblem } from '../../src/policy/password-rules.ts';
import { MOST_WITHOUT_SUCCESS, pushBudget } from '../../src/policy/push-budget.ts';
import { requestedAcr, strongest } from '../../src/policy/requirements.ts';
import { HARD_STOP, isHardStop, waitAfter } from '../../src/policy/throttling.ts';

describe('throttling', () => {
  it('lets four failures pass, then doubles from 30 seconds to an hour', () => {
    expect([0, 1, 4].map(waitAfter)).toEqual([0, 0, 0]);
    expect([5, 6, 7].map(waitAfter)).toEqual([30, 60, 120]);
    expect([11, 12, 13, 49].map(waitAfter)).toEqual([1920, 3600, 3600, 3600]);
  });
  it('stops hard well below the hundred failures that NIST allows', () => {
    expect(isHardStop(HARD_STOP - 1)).toBe(false);
    expect(isHardStop(HARD_STOP)).toBe(true);
    expect(HARD_STOP).toBeLessThanOrEqual(100);
  });
});

describe('the push budget', () => {
  const now = new Date('2026-11-22T12:00:00Z');
  const ago = (...seconds: number[]): Date[] => seconds.map((each) => new Date(now.getTime() - each * 1000));

  it('allows three in five minutes', () => {
    expect(pushBudget([], now)).toEqual({ may: 'send' });
    expect(pushBudget(ago(10, 5), now)).toEqual({ may: 'send' });
  });
  it('then asks for a wait of 10 seconds that doubles', () => {
    expect(pushBudget(ago(20, 10, 4), now)).toEqual({ may: 'wait', seconds: 6 });
    expect(pushBudget(ago(30, 20, 12, 4), now)).toEqual({ may: 'wait', seconds: 16 });
    expect(pushBudget(ago(20, 12, 11), now)).toEqual({ may: 'send' });
  });
  it('sends again when the last three are not recent', () => {
    expect(pushBudget(ago(900, 800, 700), now)).toEqual({ may: 'send' });
  });
  it('is used up after ten without a success, however old', () => {
    const sent = Array.from({ length: MOST_WITHOUT_SUCCESS }, (_, index) => 1000 * (index + 1));
    expect(pushBudget(ago(...sent), now)).toEqual({ may: 'exhausted' });
  });
});

describe('assurance', () => {
  it('adds up what was shown', () => {
    expect(assuranceOf([])).toEqual({ acr: undefined, amr: [] });
    expect(assuranceOf(['password'])).toEqual({ acr: ACR_PASSWORD, amr: ['pwd'] });
    expect(assuranceOf(['password', 'push'])).toEqual({ acr: ACR_MFA, amr: ['pwd', 'pop', 'swk', 'mca', 'mfa'] });
    expect(assuranceOf(['password', 'verified_push']).amr).toEqual(['pwd', 'pop', 'swk', 'mca', 'user', 'mfa']);
    expect(assuranceOf(['password', 'recovery_code'])).toEqual({ acr: ACR_MFA, amr: ['pwd', 'otp', 'mfa'] });
  });
  it('counts a second factor only beside the password', () => {
    expect(assuranceOf(['push']).acr).toBeUndefined();
  });
  it('reads the proofs back from a session', () => {
    expect(proofsOf(['pwd'])).toEqual(['password']);
    expect(proofsOf(assuranceOf(['password', 'push']).amr)).toEqual(['password', 'push']);
    expect(proofsOf(assuranceOf(['password', 'verified_push']).amr)).toEqual(['password', 'verified_push']);
    expect(proofsOf([])).toEqual([]);
  });
  it('orders the classes and knows their other names', () => {
    expect(satisfies(ACR_PHISHING_RESISTANT, ACR_MFA)).toBe(true);
    expect(satisfies(ACR_PASSWORD, ACR_MFA)).toBe(false);
    expect(satisfies(undefined, ACR_PASSWORD)).toBe(false);
    expect(acrNamed('https://refeds.org/profile/mfa')).toBe(ACR_MFA);
    expect(acrNamed('phrh')).toBe(ACR_PHISHING_RESISTANT);
    expect(acrNamed('constructor')).toBeUndefined();
  });
});

describe('what a request asks', () => {
  it('is the weakest of the classes that it names, and nothing where it names none that we know', () => {
    expect(requestedAcr([])).toBeNull();
    expect(requestedAcr(['mfa'])).toBe(ACR_MFA);
    expect(requestedAcr(['phr', 'mfa'])).toBe(ACR_MFA);
    expect(requestedAcr(['urn:someone:else'])).toBeNull();
    expect(requestedAcr(['urn:someone:else', 'phr'])).toBe(ACR_PHISHING_RESISTANT);
  });
  it('and what another asks: the stronger counts', () => {
    expect(strongest(ACR_MFA, null)).toBe(ACR_MFA);
    expect(strongest(null, null)).toBeNull();
    expect(strongest(ACR_PASSWORD, ACR_PHISHING_RESISTANT)).toBe(ACR_PHISHING_RESISTANT);
  });
});

describe('password rules', () => {
  const person = { email: 'pellemans@voorbeeld.nl', displayName: 'Kim Pellemans', organisation: 'Voorbeeld' };
  const problem = (password: string) => passwordProblem(password, person, isCommonPassword);

  it('ask for eight characters, counted as people see them', () => {
    expect(problem('k7#Qz9x')).toBe('password_weak');
    expect(problem('ééééxyzk')).toBeUndefined();
    expect(problem('🔑🔒🗝️🔐🚪🏠🧱🪟x')).toBeUndefined();
  });
  it('allow long ones, spaces and every script, and ask for no composition', () => {
    expect(problem('de gele fiets staat achter het huis')).toBeUndefined();
    expect(problem('пятьзеленыхслонов')).toBeUndefined();
    expect(problem('x'.repeat(257))).toBe('password_weak');
  });
  it('refuse what everybody uses, with digits behind it too', () => {
    for (const common of [
      'password',
      'Password',
      'welkom01',
      'Welkom2026!',
      'Wachtwoord1',
      'qwertyuiop',
      'Vakantie99',
    ]) {
      expect(problem(common), common).toBe('password_common');
    }
  });
  it('refuse what is made of the person’s own names', () => {
    for (const own of ['KimPellemans', 'pellemans2026!', 'voorbeeld-kim'])
      expect(problem(own), own).toBe('password_personal');
    expect(problem('pellemans houdt van regenbogen')).toBeUndefined();
  });
});

describe('mails that can wait', () => {
  it.each([
    ['2026-11-24T07:00:00Z', true],
    ['2026-11-24T06:59:59Z', false],
    ['2026-11-24T16:59:59Z', true],
    ['2026-11-24T17:00:00Z', false],
    ['2026-07-14T06:00:00Z', true],
    ['2026-11-27T12:00:00Z', true],
    ['2026-11-28T12:00:00Z', false],
    ['2026-11-29T12:00:00Z', false],
    ['2026-11-29T23:30:00Z', false],
  ])('at %s: %s, in Amsterdam', (at, may) => {
    expect(isOfficeHour(new Date(at), 'Europe/Amsterdam')).toBe(may);
  });
});
