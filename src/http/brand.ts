import { createHash } from 'node:crypto';
import { type Logo, themeFor } from '../core/branding.ts';
import type { Organisation } from '../core/organisation.ts';

/** What a page links to, and what is there. */
export interface BrandPart {
  /** With a digest of what is there. */
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
}

export const LOGO_PATH = '/brand/logo';
export const THEME_PATH = '/brand/theme.css';

/** How an organisation makes the pages its own; what is undefined stays ours. Made again when it changed. */
export interface Brand {
  readonly logo: BrandPart | undefined;
  readonly theme: BrandPart | undefined;
}

export function createBrand(organisation: Pick<Organisation, 'logo' | 'accent'>): Brand {
  const logoOf = lastOf(({ type, body }: Logo) => partAt(LOGO_PATH, type, body));
  const themeOf = lastOf((accent: string) =>
    partAt(THEME_PATH, 'text/css; charset=utf-8', Buffer.from(themeFor(accent))),
  );
  return {
    get logo() {
      return organisation.logo && logoOf(organisation.logo);
    },
    get theme() {
      return organisation.accent ? themeOf(organisation.accent) : undefined;
    },
  };
}

function partAt(path: string, type: string, body: Buffer): BrandPart {
  const version = createHash('sha256').update(body).digest('base64url').slice(0, 12);
  return { path: `${path}?v=${version}`, type, body };
}

/** Keeps what was made of the last thing. */
function lastOf<From, To>(make: (from: From) => To): (from: From) => To {
  let last: { readonly from: From; readonly to: To } | undefined;
  return (from) => {
    if (last?.from !== from) last = { from, to: make(from) };
    return last.to;
  };
}
