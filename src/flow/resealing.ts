import type { Resealing as ResealingStore } from '../store/resealing.ts';
import { type Actor, doneBy } from './actor.ts';
import type { Audit } from './audit.ts';

export interface Resealed {
  /** How many values were sealed anew. */
  readonly resealed: number;
  /** Places of what no key in `SECRET_KEY` opens. */
  readonly unopened: readonly string[];
  /** Nothing is left that a former key is needed for. */
  readonly isComplete: boolean;
}

/** Replaces the secret key's work: everything is sealed anew with the first key of `SECRET_KEY`. */
export interface Resealing {
  /** May be stopped and done again. @param onProgress from 0 to 1, once for each pass */
  reseal(by: Actor, onProgress: (share: number) => void): Promise<Resealed>;
}

/** An instance that was not restarted seals with the former key while we are at it: what it sealed is found next time. */
const MOST_PASSES = 3;

export function createResealing(n: { resealing: ResealingStore; audit: Audit }): Resealing {
  return {
    async reseal(by, onProgress) {
      let resealed = 0;
      for (let pass = 1; ; pass += 1) {
        const found = await n.resealing.pass(onProgress);
        resealed += found.resealed;
        const isComplete = found.resealed === 0 && found.unopened.length === 0;
        const isStuck = found.resealed === 0 || pass === MOST_PASSES;
        if (!isComplete && !isStuck) continue;
        await n.audit({
          action: 'secrets.resealed',
          object: 'installation',
          result: isComplete ? 'success' : 'failure',
          ...doneBy(by),
          detail: { resealed, unopened: found.unopened.length },
        });
        return { resealed, unopened: found.unopened, isComplete };
      }
    },
  };
}
