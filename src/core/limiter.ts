import { overloaded } from './errors.ts';

export interface Limiter {
  /** @throws Fault `overloaded` where it is full, before the work begins */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Whether the next one would be turned away: to be asked before what leads up to the work. */
  isFull(): boolean;
  /** How many wait. */
  waiting(): number;
}

/** How much the newest duration counts in the average. */
const NEWEST = 0.2;

/**
 * At most `width` at a time, and so many waiting.
 * @param most of those that wait, and of the time that the last of them waits, by what the work has taken of late.
 * Milliseconds
 */
export function limiter(width: number, most: { waiting: number; waitMs: number }): Limiter {
  let running = 0;
  let averageMs = 0;
  const queue: (() => void)[] = [];
  const isFull = (): boolean =>
    running >= width &&
    // One for each that runs may always wait: an average that has grown too long is measured again.
    queue.length >= width &&
    (queue.length >= most.waiting || ((queue.length + 1) * averageMs) / width > most.waitMs);
  return {
    isFull,
    waiting: () => queue.length,
    async run(work) {
      if (isFull()) throw overloaded();
      if (running >= width) await new Promise<void>((resolve) => queue.push(resolve));
      else running += 1;
      const began = performance.now();
      try {
        return await work();
      } finally {
        const tookMs = performance.now() - began;
        averageMs = averageMs === 0 ? tookMs : averageMs + NEWEST * (tookMs - averageMs);
        const next = queue.shift();
        if (next) next();
        else running -= 1;
      }
    },
  };
}
