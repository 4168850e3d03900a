/** Where browsers tell what they refused. */
export const REPORTS_PATH = '/csp-reports';

/**
 * The Content-Security-Policy of every page: nothing from elsewhere, no inline script or style.
 * @param formTargets origins that a form's redirects may end at: browsers check `form-action` on redirects too
 */
export function contentSecurityPolicy(formTargets: readonly string[] = []): string {
  return [...SHARED, `form-action ${["'self'", ...formTargets].join(' ')}`].join('; ');
}

const SHARED = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "media-src 'self' blob:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  // Text becomes script nowhere. The companion names its worker's address by a policy of this name (Trusted Types).
  "require-trusted-types-for 'script'",
  'trusted-types companion',
  `report-uri ${REPORTS_PATH}`,
  'report-to csp',
];

/**
 * For the few pages that oidc-provider draws: they post themselves to a web app, and the library adds the digest
 * of its one script. They hold nothing of a stranger's.
 */
export const OIDC_POLICY = SHARED.join('; ');
