import { z } from 'zod';

/** Words between commas; spaces around them and empty ones do not count. */
export const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
);
