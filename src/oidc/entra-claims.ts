import { z } from 'zod';

/**
 * The words of Microsoft's contract for external authentication methods: which kinds of factor would do (`acr`), and
 * by which method it was done (`amr`). All of ours prove possession.
 */
const OURS_IS = 'possession';

const claimSchema = z.object({ value: z.string().optional(), values: z.array(z.string()).max(50).optional() });
const claimsSchema = z.object({ id_token: z.object({ acr: claimSchema.optional(), amr: claimSchema.optional() }) });

/** What a request's `claims` parameter asks for; nothing where it says nothing. */
export function wishesOf(claims: string | undefined): { acrs: readonly string[]; amrs: readonly string[] } {
  let json: unknown;
  try {
    json = JSON.parse(claims ?? '{}');
  } catch {
    json = undefined;
  }
  const read = claimsSchema.safeParse(json);
  const listed = (claim: z.infer<typeof claimSchema> | undefined): readonly string[] => [
    ...(claim?.value === undefined ? [] : [claim.value]),
    ...(claim?.values ?? []),
  ];
  return read.success
    ? { acrs: listed(read.data.id_token.acr), amrs: listed(read.data.id_token.amr) }
    : { acrs: [], amrs: [] };
}

/** The first class that a proof of possession reaches: `possessionorinherence`, but not `knowledgeorinherence`. */
export const chooseAcr = (acrs: readonly string[]): string | undefined =>
  acrs.find((acr) => acr.split('or').includes(OURS_IS));

/** One method, as their contract wants: the strongest that was used, in the first word for it that was asked for. */
export function chooseAmr(used: readonly string[], asked: readonly string[]): string | undefined {
  const has = (method: string): boolean => used.includes(method);
  const words = [
    ...(has('hwk') ? ['fido', 'hwk', 'pop'] : []),
    ...(has('swk') && !has('mca') ? ['fido', 'swk', 'pop'] : []),
    ...(has('mca') ? ['swk', 'pop'] : []),
    ...(has('otp') ? ['otp'] : []),
  ];
  return words.find((word) => asked.includes(word));
}
