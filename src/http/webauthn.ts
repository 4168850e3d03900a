import { z } from 'zod';

const binary = z
  .string()
  .max(12_000)
  .regex(/^[\w-]*$/);

/** At most 1,023 bytes (WebAuthn, section 4). */
const credentialId = binary.max(1400);

/** What a browser's `PublicKeyCredential` says of itself (WebAuthn, section 5.8), as far as it is needed. */
const credential = {
  id: credentialId,
  rawId: credentialId,
  type: z.literal('public-key'),
  clientExtensionResults: z.object({}),
};

export const attestationSchema = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: binary,
    attestationObject: binary,
    transports: z
      .array(z.string().regex(/^[\w-]{1,20}$/))
      .max(10)
      .default([]),
  }),
});

export const assertionSchema = z.object({
  ...credential,
  response: z
    .object({
      clientDataJSON: binary,
      authenticatorData: binary,
      signature: binary,
      userHandle: binary.nullish(),
    })
    .transform(({ userHandle, ...rest }) => (userHandle ? { ...rest, userHandle } : rest)),
});

/** The hidden field in which script puts what the key said; undefined where it is empty or something else. */
export function fromField<Schema extends z.ZodType>(schema: Schema, field: string): z.output<Schema> | undefined {
  try {
    return schema.parse(JSON.parse(field));
  } catch {
    return undefined;
  }
}

/** Script puts it there; without script it stays empty. */
export const responseField = z.string().max(30_000).default('');
