/** The value in the middle. */
export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** The value below which this share of all lies. @param share from 0 to 1 */
export const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

export const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** How far apart two references of one round may be: a tenth. */
export const MOST_DRIFT = 0.1;
