/** The algorithms that tokens can be signed with (RFC 7518, RFC 8037); the first is the default. */
export const SIGNING_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];
