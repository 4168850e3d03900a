import { setTimeout as pause } from 'node:timers/promises';

/** Answers at the next whole step since it began, also where it throws: how long the work took tells little. */
export async function inSteps<T>(stepMs: number, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await work();
  } finally {
    await pause(stepMs - ((performance.now() - began) % stepMs));
  }
}
