/**
 * The words for how sure we are who somebody is. `acr` is the class reached (OpenID Connect Core, section 2),
 * `amr` the methods used (RFC 8176).
 */
export const ACR_PASSWORD = 'urn:dubbelslot:acr:1fa';
export const ACR_MFA = 'urn:dubbelslot:acr:mfa';
export const ACR_PHISHING_RESISTANT = 'urn:dubbelslot:acr:phr';

export type Acr = typeof ACR_PASSWORD | typeof ACR_MFA | typeof ACR_PHISHING_RESISTANT;

/** Weakest first: each class satisfies a request for the ones before it. */
export const ACRS: readonly Acr[] = [ACR_PASSWORD, ACR_MFA, ACR_PHISHING_RESISTANT];

/** Names by which others know the same classes (RFC 9470 deployments, OpenID EAP, REFEDS). */
const ALIASES: Readonly<Record<string, Acr>> = {
  '1fa': ACR_PASSWORD,
  mfa: ACR_MFA,
  'https://refeds.org/profile/mfa': ACR_MFA,
  phr: ACR_PHISHING_RESISTANT,
  phrh: ACR_PHISHING_RESISTANT,
};

export const ACR_ALIASES: readonly string[] = Object.keys(ALIASES);

/** The class that a requested value means, or undefined for a value we do not know. */
export function acrNamed(value: string): Acr | undefined {
  return ACRS.find((acr) => acr === value) ?? (Object.hasOwn(ALIASES, value) ? ALIASES[value] : undefined);
}

/** 0 for "nothing reached", then 1 for the weakest class. */
export const rankOf = (acr: string | undefined): number => ACRS.indexOf(acr as Acr) + 1;

export const satisfies = (reached: string | undefined, required: Acr): boolean => rankOf(reached) >= rankOf(required);

/**
 * What somebody has shown during one sign-in. A key that verified its user is a passkey; `synced` ones may be copied
 * between devices by their provider, the others stay in one.
 */
export type Proof =
  | 'password'
  /** A link that was mailed: in the place of the password until there is a new one; worth nothing by itself. */
  | 'mail_link'
  /** A first factor that somebody else has checked, who sent the person to us for the second. */
  | 'federated'
  | 'push'
  | 'verified_push'
  | 'totp'
  | 'security_key'
  | 'synced_key'
  | 'passkey'
  | 'synced_passkey'
  | 'recovery_code'
  | 'temporary_pass';

/** How a first factor elsewhere is written in `amr`; RFC 8176 has no word for it, and no token of ours has it. */
export const FEDERATED = 'fed';

/** What proves a second factor by itself. */
const STRONG: readonly Proof[] = [
  'push',
  'verified_push',
  'totp',
  'security_key',
  'synced_key',
  'passkey',
  'synced_passkey',
];
export const isStrong = (proof: Proof): boolean => STRONG.includes(proof);

/** By WebAuthn: bound to our own address, so that a false page gets nothing from it. */
export const isKey = (proof: Proof): boolean => proof === 'security_key' || proof === 'synced_key' || isPasskey(proof);

/** A key that verified its user: two factors in one. */
export const isPasskey = (proof: Proof): boolean => proof === 'passkey' || proof === 'synced_passkey';

/** What opens the door to a new authenticator, and to nothing else. */
export const isRecovery = (proof: Proof): boolean => proof === 'recovery_code' || proof === 'temporary_pass';
