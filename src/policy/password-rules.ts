import type { RefusalCode } from '../core/refusals.ts';

/** With a second factor always asked (NIST SP 800-63B-4, section 3.1.1.1). */
export const MIN_PASSWORD_LENGTH = 8;
export const MAX_PASSWORD_LENGTH = 256;

export interface PasswordContext {
  readonly email: string;
  readonly displayName: string;
  readonly organisation: string;
}

/**
 * Why a new password cannot be used, or undefined. No composition rules (section 3.1.1.2): length, a blocklist,
 * and nothing made of the person's own names. Lengths are counted in characters as a person sees them.
 */
export function passwordProblem(
  password: string,
  context: PasswordContext,
  isCommon: (lowerCased: string) => boolean,
): Extract<RefusalCode, `password_${string}`> | undefined {
  const normal = password.normalize('NFKC');
  const length = [...normal].length;
  if (length < MIN_PASSWORD_LENGTH || length > MAX_PASSWORD_LENGTH) return 'password_weak';
  const lower = normal.toLowerCase();
  if (isCommon(lower) || isCommon(lower.replace(/[\d\W_]+$/, ''))) return 'password_common';
  const left = ownNames(context).reduce((text, name) => text.replaceAll(name, ''), lower);
  // What is left when the names are taken out must be a password by itself.
  if ([...left.replace(/[\d\W_]/g, '')].length < 4 && left !== lower) return 'password_personal';
  return undefined;
}

function ownNames({ email, displayName, organisation }: PasswordContext): string[] {
  return [...email.split(/[@.]/), ...displayName.split(/\s+/), ...organisation.split(/\s+/)]
    .map((word) => word.toLowerCase().normalize('NFKC'))
    .filter((word) => word.length >= 3)
    .sort((a, b) => b.length - a.length);
}
