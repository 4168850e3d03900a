import { readFileSync } from 'node:fs';
import { LARGEST_LOGO_BYTES, type Logo, logoFrom } from '../core/branding.ts';

/** @param problems gets a sentence where the file is not one */
export function readLogo(file: string, problems: string[]): Logo | undefined {
  let body: Buffer;
  try {
    body = readFileSync(file);
  } catch (cause) {
    problems.push(`LOGO_FILE cannot be read (${(cause as NodeJS.ErrnoException).code})`);
    return undefined;
  }
  const logo = logoFrom(body);
  if (typeof logo === 'object') return logo;
  problems.push(
    logo === 'picture_unknown'
      ? 'LOGO_FILE must be an SVG, a PNG or a WebP picture'
      : `LOGO_FILE has ${Math.ceil(body.length / 1024)} kB; ${LARGEST_LOGO_BYTES / 1024} is the most, it is on every page`,
  );
  return undefined;
}
