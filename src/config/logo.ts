import { readFileSync } from 'node:fs';

/** A picture as it is sent. */
export interface Logo {
  readonly type: 'image/svg+xml' | 'image/png' | 'image/webp';
  readonly body: Buffer;
}

/** It is on every page that people open in the morning. */
const MOST_BYTES = 64 * 1024;

/** @param problems gets a sentence where the file is not one */
export function readLogo(file: string, problems: string[]): Logo | undefined {
  let body: Buffer;
  try {
    body = readFileSync(file);
  } catch (cause) {
    problems.push(`LOGO_FILE cannot be read (${(cause as NodeJS.ErrnoException).code})`);
    return undefined;
  }
  const type = typeOf(body);
  if (!type) problems.push('LOGO_FILE must be an SVG, a PNG or a WebP picture');
  else if (body.length > MOST_BYTES)
    problems.push(
      `LOGO_FILE has ${Math.ceil(body.length / 1024)} kB; ${MOST_BYTES / 1024} is the most, it is on every page`,
    );
  else return { type, body };
  return undefined;
}

/** By what is in it, whatever its name. */
function typeOf(body: Buffer): Logo['type'] | undefined {
  if (body.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))) return 'image/png';
  if (body.subarray(0, 4).toString() === 'RIFF' && body.subarray(8, 12).toString() === 'WEBP') return 'image/webp';
  if (
    /^\s*(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*)?(<!DOCTYPE[^>]*>\s*)?<svg[\s>]/i.test(body.subarray(0, 2000).toString())
  )
    return 'image/svg+xml';
  return undefined;
}
