/** What an installation is held against, in the order in which it is shown. */
export const NORMS = ['NIST SP 800-63B-4', 'OWASP ASVS 5.0', 'BIO2'] as const;
