import type { Mistake } from '../core/mistakes.ts';
import { type Translate, translator } from './translate.ts';

const ENGLISH = translator('en');

/** A mistake as a sentence that says what is wrong, and where that helps what to do. */
export const mistakeInWords = (t: Translate, { name, facts }: Mistake): string => t(`mistake.${name}`, facts);

/** The same for programs and the command line. */
export const mistakeInEnglish = (mistake: Mistake): string => mistakeInWords(ENGLISH, mistake);
