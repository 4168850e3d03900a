import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { z } from 'zod';
import { approvalsResource } from './resources.ts';

/** What somebody approves with their phone, beside the message (RFC 9396): the amount is shown and signed. */
export const TRANSACTION = 'urn:dubbelslot:transaction';

const line = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u);

const transactionSchema = z.strictObject({
  type: z.literal(TRANSACTION),
  /** A decimal number with a point: `1250.00`. */
  amount: z.string().regex(/^-?\d{1,15}(\.\d{1,4})?$/),
  /** ISO 4217. */
  currency: z.string().regex(/^[A-Z]{3}$/),
  /** Who receives it. */
  to: line.optional(),
});

export type Transaction = Omit<z.infer<typeof transactionSchema>, 'type'>;

/** The transaction that a request is about; one at most. @throws invalid_authorization_details */
export function transactionOf(params: { authorization_details?: unknown } | undefined): Transaction | undefined {
  const text = params?.authorization_details;
  if (typeof text !== 'string') return undefined;
  const details = JSON.parse(text) as unknown[];
  const read = z.tuple([transactionSchema]).safeParse(details);
  if (!read.success) {
    throw new errors.InvalidAuthorizationDetails(
      `authorization_details: one transaction with amount (1250.00), currency (EUR) and, if need be, to`,
    );
  }
  const { type, ...transaction } = read.data[0];
  return transaction;
}

const detailsOf = (source: { params?: { authorization_details?: string } }): never =>
  JSON.parse(source.params?.authorization_details ?? '[]') as never;

/** Transactions belong to approvals (CIBA): nowhere else would anybody see them. */
export const richAuthorizationRequests = {
  enabled: true,
  types: {
    [TRANSACTION]: {
      validate(ctx: KoaContextWithOIDC) {
        if (ctx.oidc.route !== 'backchannel_authentication')
          throw new errors.InvalidAuthorizationDetails('transactions are approved through CIBA');
        transactionOf(ctx.oidc.params as never);
      },
    },
  },
  authorizationDetailsForGrantSource: (_ctx: unknown, source: never) => detailsOf(source),
  authorizationDetailsForAccessToken: (_ctx: unknown, _token: unknown, source: { rar?: never }) => source.rar as never,
  authorizationDetailsForIntrospection: (_ctx: unknown, token: { rar?: never }) => token.rar as never,
};

/** A token for a transaction needs a target; without one of the app's own it is ours. */
export const createDefaultResource =
  (publicUrl: string) =>
  async (
    ctx: KoaContextWithOIDC,
    _client: unknown,
    oneOf?: string | string[],
  ): Promise<string | string[] | undefined> =>
    oneOf ?? (ctx.oidc.params?.authorization_details ? approvalsResource(publicUrl) : undefined);
