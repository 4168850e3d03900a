import { overloaded } from './errors.ts';

/**
 * At most `width` at a time, and so many waiting.
 * @throws Fault `overloaded` beyond that, before the work begins
 */
export function limiter(width: number, queueLimit: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const queue: (() => void)[] = [];
  return async (work) => {
    if (running >= width) {
      if (queue.length >= queueLimit) throw overloaded();
      await new Promise<void>((resolve) => queue.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
