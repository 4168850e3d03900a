import { digest } from '../crypto/digest.ts';
import type { Database } from './database.ts';

export interface UsedProofs {
  /** Marks a proof as shown. @returns false where it was shown before */
  use(proof: string, expiresAt: Date): Promise<boolean>;
}

export function createUsedProofs({ relaxedSql }: Database): UsedProofs {
  return {
    async use(proof, expiresAt) {
      const rows =
        await relaxedSql`INSERT INTO used_proof (proof_digest, expires_at) VALUES (${digest(proof)}, ${expiresAt})
        ON CONFLICT DO NOTHING RETURNING 1`;
      return rows.length === 1;
    },
  };
}
