import { z } from 'zod';

/** Text that can be stored: well-formed Unicode without NUL, which PostgreSQL keeps nowhere. */
export const text = (longest: number) =>
  z
    .string()
    .max(longest)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'has a character that no text has');

/** Base64url, as ids and tokens are written; dots between the parts of a JWS. */
export const tokenText = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^[\w.-]*$/);

/** The version that somebody read before they changed it, as a form carries it: an integer of PostgreSQL. */
export const formVersion = z.coerce
  .number()
  .int()
  .max(2 ** 31 - 1);
