import { createHash } from 'node:crypto';
import { themeFor } from '../core/branding.ts';

/** What a page links to, and what is there. */
export interface BrandPart {
  /** With a digest of what is there. */
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
}

/** How an organisation makes the pages its own; what is undefined stays ours. */
export interface Brand {
  readonly logo: BrandPart | undefined;
  readonly theme: BrandPart | undefined;
}

/** @param accent `#rrggbb`, readable (`accentProblem`) */
export function createBrand(logo: { type: string; body: Buffer } | undefined, accent: string | undefined): Brand {
  const part = (name: string, type: string, body: Buffer): BrandPart => {
    const version = createHash('sha256').update(body).digest('base64url').slice(0, 12);
    return { path: `/brand/${name}?v=${version}`, type, body };
  };
  return {
    logo: logo && part('logo', logo.type, logo.body),
    theme: accent ? part('theme.css', 'text/css; charset=utf-8', Buffer.from(themeFor(accent))) : undefined,
  };
}
