/** Red, green and blue, 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

export const WHITE: Colour = [255, 255, 255];
export const BLACK: Colour = [0, 0, 0];

/** @param text `#rrggbb` */
export const colourOf = (text: string): Colour =>
  [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16)) as unknown as Colour;

export const hexOf = (colour: Colour): string =>
  `#${colour.map((part) => part.toString(16).padStart(2, '0')).join('')}`;

/** As it can be written down: rounded. @param share of `other`: 0 leaves the colour, 1 is the other one */
export const mix = (colour: Colour, other: Colour, share: number): Colour =>
  colour.map((part, index) => Math.round(part + (other[index]! - part) * share)) as unknown as Colour;

/** WCAG 2.2, relative luminance. */
function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as unknown as Colour;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** WCAG 2.2, contrast ratio: 1 to 21. */
export function contrast(one: Colour, other: Colour): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

/** The first step from a colour towards another one that can be read on all that it lies on. */
export function readable(
  colour: Colour,
  groundsOf: (step: Colour) => readonly Colour[],
  towards: Colour,
  atLeast: number,
): Colour {
  for (let share = 0; share < 1; share += 0.02) {
    const step = mix(colour, towards, share);
    if (groundsOf(step).every((ground) => contrast(step, ground) >= atLeast)) return step;
  }
  return towards;
}
