import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Permission } from '../../core/permissions.ts';
import type { Refusal } from '../../core/refusals.ts';
import type { Administrator } from '../../flow/actor.ts';

/** What an endpoint is given: read by its schemas, and nothing else. */
export interface Call<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** What an endpoint that `consumes` is sent. */
  readonly file: AsyncIterable<Uint8Array>;
  readonly by: Administrator;
  readonly may: (permission: Permission) => boolean;
  /** What `If-Match` named; undefined for `*`. */
  readonly version: number | undefined;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export type Answer<R> =
  | {
      readonly value: R;
      readonly status?: 200 | 201 | 202 | 204;
      /** Of what is shown: becomes the ETag. */
      readonly version?: number | string;
      /** Where what was made is found. */
      readonly location?: string;
      /** Continues a list (RFC 8288). */
      readonly next?: string | null;
    }
  | { readonly refusal: Refusal }
  /** Refused with more to say than a code. */
  | {
      readonly problem: {
        readonly status: number;
        readonly code: string;
        readonly detail?: string;
        readonly errors?: readonly unknown[];
      };
    }
  /** The endpoint answered by itself: a stream. */
  | 'sent';

/** One row of the API: everything about it that a program, a reader or a test may want to know. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/api/v1`, with `:parameters`. */
  readonly path: string;
  /** camelCase, for generated clients. */
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly permission: Permission;
  /** A person must have signed in within ten minutes. */
  readonly isDangerous?: boolean;
  /** Takes an `Idempotency-Key`. */
  readonly isCreating?: boolean;
  /** Wants `If-Match`. */
  readonly isVersioned?: boolean;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** What is sent on success, by status. */
  readonly answers: Readonly<Partial<Record<200 | 201 | 202 | 204, z.ZodType>>>;
  /** Is sent a file of this type instead of JSON. */
  readonly consumes?: { readonly type: 'text/csv'; readonly mostBytes: number };
  /** Sent instead of JSON: a stream of these media types. */
  readonly produces?: readonly string[];
  run(call: Call<never, never, never>): Promise<Answer<unknown>>;
}

type Output<T> = T extends z.ZodType ? z.output<T> : undefined;

/** Writes an endpoint down, with the types of its schemas. */
export const endpoint = <
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  definition: Omit<Endpoint, 'run' | 'params' | 'query' | 'body'> & {
    params?: P;
    query?: Q;
    body?: B;
    run(call: Call<Output<P>, Output<Q>, Output<B>>): Promise<Answer<unknown>>;
  },
): Endpoint => definition as unknown as Endpoint;
