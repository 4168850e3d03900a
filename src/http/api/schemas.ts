import { z } from 'zod';
import { LOCALES } from '../../core/locales.ts';
import { ROLES } from '../../core/roles.ts';
import { text } from '../text.ts';

/** Shapes that several resources share. Strict: what is not known is refused, never taken over (mass assignment). */

export const time = z.iso.datetime().describe('ISO 8601, UTC.');
export const timeOrNull = time.nullable();
export const uuid = z.uuid();
export const idParams = z.strictObject({ id: uuid });
export const nothing = z.null().describe('Nothing.');
export const locale = z.enum(LOCALES);
export const role = z.enum(ROLES);
export const email = z.string().min(3).max(254).describe('An e-mail address.');
export const groupName = text(200).min(1);

export const reason = text(1000).min(5).describe('Why, in words, for whoever reads the audit log later.');

/** The part of a list to send, and where the one before ended. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('How many at most.'),
  cursor: z.string().max(500).optional().describe('`next` of the answer before this one.'),
};

export const listOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({
    items: z.array(item),
    next: z.string().nullable().describe('The cursor of the next part, or null at the end.'),
  });

/** A cursor is a place in an order, in base64url: nothing to keep, nothing to guess. */
export const cursorOf = (place: string): string => Buffer.from(place).toString('base64url');
export const placeOf = (cursor: string | undefined): string | undefined =>
  cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString();

export const iso = (date: Date): string => date.toISOString();
export const isoOrNull = (date: Date | null | undefined): string | null => date?.toISOString() ?? null;

/** Problem details (RFC 9457). */
export const problem = z
  .object({
    type: z.string().describe('`urn:dubbelslot:problem:<code>`.'),
    title: z.string(),
    status: z.number().int(),
    code: z.string().describe('Stable: what a program acts on.'),
    reference: z.string().describe('Finds the line in the server’s log.'),
    detail: z.string().optional(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('What was wrong with the request, field by field.'),
    retryAfterSeconds: z.number().optional(),
  })
  .describe('Problem details (RFC 9457).')
  .meta({ id: 'Problem' });
