import pixelmatch from 'pixelmatch';
import { PNG } from 'pngjs';

/** The font that comes with the browser of the test, and nothing that moves: pictures are the same everywhere. */
export const STEADY =
  '* { font-family: "Open Sans" !important; animation: none !important; caret-color: transparent !important }';

/**
 * What is different between two pictures.
 * @param most of all points that may be: edges of letters differ a little between machines
 * @returns undefined where they are alike; otherwise a sentence, and where the sizes are the same a picture of what differs
 */
export function difference(
  agreed: Buffer,
  now: Buffer,
  most: number,
): { sentence: string; picture?: Buffer } | undefined {
  const [before, after] = [PNG.sync.read(agreed), PNG.sync.read(now)];
  const { width, height } = before;
  if (width !== after.width || height !== after.height)
    return { sentence: `${width} x ${height} became ${after.width} x ${after.height}` };
  const shown = new PNG({ width, height });
  const share = pixelmatch(before.data, after.data, shown.data, width, height, { threshold: 0.15 }) / (width * height);
  if (share <= most) return undefined;
  return { sentence: `${(share * 100).toFixed(2)} % of its points differ`, picture: PNG.sync.write(shown) };
}
