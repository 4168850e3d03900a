/** The value in the middle, or between the two that are. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}

/** The value below which this share of all lies. @param share from 0 to 1 */
export const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

export const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** How far apart two references of one round may be: a tenth. */
const MOST_DRIFT = 0.1;

/** Between two references: a round counts where they agree; where none does, all of them do, and the report says how many agreed. */
export function steadyOf<Round>(rounds: readonly Round[], references: (round: Round) => readonly [number, number]) {
  const kept = rounds.filter((round) => {
    const [before, after] = references(round);
    return Math.abs(before - after) <= MOST_DRIFT * before;
  });
  const counted = kept.length > 0 ? kept : rounds;
  return {
    rounds: { kept: kept.length, of: rounds.length },
    counted,
    /** Median of what is picked of each round, and the least and the most. */
    over(pick: (round: Round) => number, digits = 3): { median: number; spread: [number, number] } {
      const values = counted.map(pick);
      return {
        median: rounded(median(values), digits),
        spread: [rounded(Math.min(...values), digits), rounded(Math.max(...values), digits)],
      };
    },
  };
}
