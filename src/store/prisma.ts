import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { PrismaClient } from './generated/client.ts';

export type { PrismaClient };

/**
 * Prisma on our own pool. Loaded when somebody first asks for it (`Database.prisma`): it takes 40 MB and a tenth of a
 * second, and nothing of a sign-in needs it.
 */
export function openPrisma(
  pool: pg.Pool,
  statementName: (text: string) => string,
  asFault: (error: unknown) => never,
): PrismaClient {
  // Without names the adapter prepares nothing: 15 to 40 % of PostgreSQL's work.
  const bare = new PrismaClient({
    adapter: new PrismaPg(pool, { statementNameGenerator: ({ sql }) => statementName(sql) }),
  });
  return bare.$extends({
    query: { $allOperations: ({ args, query: run }) => run(args).catch(asFault) },
  }) as unknown as PrismaClient;
}
