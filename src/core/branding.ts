import { BLACK, type Colour, colourOf, contrast, hexOf, mix, readable, WHITE } from './colours.ts';

/** Whom people may ask for help. */
export interface Support {
  readonly name: string;
  readonly phone: string | null;
  readonly hours: string | null;
}

/** A picture as it is sent. */
export interface Logo {
  readonly type: 'image/svg+xml' | 'image/png' | 'image/webp';
  readonly body: Buffer;
}

/** It is on every page that people open in the morning. */
export const LARGEST_LOGO_BYTES = 64 * 1024;

/** A picture by what is in it, whatever its name; or why it cannot be a logo. */
export function logoFrom(body: Buffer): Logo | 'picture_unknown' | 'picture_too_large' {
  const type = typeOf(body);
  if (!type) return 'picture_unknown';
  return body.length > LARGEST_LOGO_BYTES ? 'picture_too_large' : { type, body };
}

function typeOf(body: Buffer): Logo['type'] | undefined {
  if (body.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))) return 'image/png';
  if (body.subarray(0, 4).toString() === 'RIFF' && body.subarray(8, 12).toString() === 'WEBP') return 'image/webp';
  if (
    /^\s*(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*)?(<!DOCTYPE[^>]*>\s*)?<svg[\s>]/i.test(body.subarray(0, 2000).toString())
  )
    return 'image/svg+xml';
  return undefined;
}

/** `--accent` by day (`public/css/base.css`), where an organisation has none of its own. */
export const OUR_ACCENT = '#1d3f8f';

/** WCAG 2.2, 1.4.3: text in the accent's colour, and text on it. */
const TEXT_CONTRAST = 4.5;
/** `--ground`, `--paper` and the ink on an accent in the dark (`public/css/base.css`). */
const LIGHT_GROUND = colourOf('#f4f6fb');
const DARK_PAPER = colourOf('#191f2b');
const DARK_INK = colourOf('#0e1a38');
/** How much of the accent is in what lies behind it. */
const SOFT = { light: 0.9, dark: 0.82 };

/** What the accent is read on, by day. */
const lightGrounds = (accent: Colour): Colour[] => [WHITE, LIGHT_GROUND, mix(accent, WHITE, SOFT.light)];

/** Why a colour cannot be an accent: its contrast, as `x : 1`, what is needed, and a colour near it that would do. */
export interface AccentProblem extends Readonly<Record<string, string>> {
  readonly contrast: string;
  readonly needed: string;
  readonly near: string;
}

/** @returns what is wrong with a colour as an accent; undefined where nothing is */
export function accentProblem(text: string): AccentProblem | undefined {
  const accent = colourOf(text);
  const worst = Math.min(...lightGrounds(accent).map((ground) => contrast(accent, ground)));
  if (worst >= TEXT_CONTRAST) return undefined;
  const near = readable(accent, lightGrounds, BLACK, TEXT_CONTRAST);
  return { contrast: worst.toFixed(1), needed: String(TEXT_CONTRAST), near: hexOf(near) };
}

/** The stylesheet that puts another accent in the place of ours, by day and in the dark, where it is made light enough. */
export function themeFor(text: string): string {
  const accent = colourOf(text);
  const soft = mix(accent, DARK_PAPER, SOFT.dark);
  const light = readable(accent, () => [DARK_PAPER, soft, DARK_INK], WHITE, TEXT_CONTRAST + 1);
  const rules = (of: Record<string, Colour>): string =>
    Object.entries(of)
      .map(([name, colour]) => `--${name}:${hexOf(colour)}`)
      .join(';');
  const day = { accent, 'accent-strong': mix(accent, BLACK, 0.3), 'accent-soft': mix(accent, WHITE, SOFT.light) };
  const night = { accent: light, 'accent-strong': mix(light, WHITE, 0.4), 'accent-soft': soft };
  return `:root{${rules(day)}}@media(prefers-color-scheme:dark){:root{${rules(night)}}}\n`;
}
