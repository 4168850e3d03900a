import type { Clock } from '../core/clock.ts';
import { addSeconds } from '../core/clock.ts';
import { type AuditChain, CHAIN_BEGINNING, type ChainHead, type Link } from '../store/audit-chain.ts';

/** Signs statements and reads its own: `crypto/statements.ts`. */
export interface Signer {
  sign(type: string, statement: object): Promise<string>;
  read(type: string, jws: string): Promise<unknown>;
}

/** What a signed checkpoint says; keep it elsewhere, and the log up to there cannot be changed unseen. */
export interface Checkpoint {
  readonly issuer: string;
  readonly position: string;
  /** SHA-256, base64url. */
  readonly hash: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

export type ProblemKind =
  /** Another content than when it was written. */
  | 'changed'
  /** Its place is there, it is not. */
  | 'deleted'
  /** Written without the server's key, or past the server. */
  | 'inserted'
  /** In another place than it was. */
  | 'reordered'
  /** A place in the chain is gone, or was written anew. */
  | 'chain'
  /** The chain is not what a checkpoint says, or ends before it. */
  | 'checkpoint';

export interface AuditProblem {
  readonly kind: ProblemKind;
  readonly position: string | null;
  readonly eventId: string | null;
  readonly detail: string;
}

export interface Verification {
  readonly isIntact: boolean;
  /** How many places were checked, from which to which. */
  readonly checked: number;
  readonly from: string;
  readonly to: string;
  readonly checkpoints: number;
  /** Events of the last moments that have no place yet. */
  readonly waiting: number;
  /** The first of them; `problemCount` is all. */
  readonly problems: readonly AuditProblem[];
  readonly problemCount: number;
}

export interface AuditIntegrity {
  /** Signs where the chain stands, where that is new. */
  checkpoint(): Promise<Checkpoint | undefined>;
  /** The same, at most once an hour: the job's. */
  checkpointIfDue(): Promise<Checkpoint | undefined>;
  /**
   * Goes through the whole log and says what was changed, deleted, inserted or reordered, and which.
   * @param anchors checkpoints that were kept elsewhere (JWS)
   */
  verify(anchors?: readonly string[], onProgress?: (checked: number, of: number) => void): Promise<Verification>;
}

export interface AuditIntegrityNeeds {
  auditChain: AuditChain;
  signer: Signer;
  clock: Clock;
  publicUrl: string;
  /** Keeps a checkpoint outside of the database. */
  anchor(jws: string, checkpoint: Checkpoint): Promise<void>;
}

export const CHECKPOINT_TYPE = 'dubbelslot-audit-checkpoint';
export const TRUNCATION_TYPE = 'dubbelslot-audit-truncation';
const CHECKPOINT_SECONDS = 3600;
const BATCH = 2000;
const MOST_PROBLEMS = 100;

export function createAuditIntegrity(n: AuditIntegrityNeeds): AuditIntegrity {
  const checkpoint: AuditIntegrity['checkpoint'] = async () => {
    const { position, hash } = await n.auditChain.head();
    const last = await n.auditChain.lastCheckpoint();
    if (position === 0n || position === last?.position) return undefined;
    const createdAt = n.clock.now();
    const made: Checkpoint = {
      issuer: n.publicUrl,
      position: position.toString(),
      hash: hash.toString('base64url'),
      at: createdAt.toISOString(),
    };
    const jws = await n.signer.sign(CHECKPOINT_TYPE, made);
    if (!(await n.auditChain.addCheckpoint({ position, jws, createdAt }))) return undefined;
    await n.anchor(jws, made);
    return made;
  };

  /** Where the log begins: after what was removed at the end of its retention, by a signed statement. */
  const beginning = async (problem: Report): Promise<ChainHead> => {
    const last = (await n.auditChain.truncations()).at(-1);
    if (!last) return CHAIN_BEGINNING;
    const read = (await n.signer.read(TRUNCATION_TYPE, last.jws)) as Checkpoint | undefined;
    if (read?.position === last.position.toString())
      return { position: last.position, hash: Buffer.from(read.hash, 'base64url') };
    problem('chain', last.position, null, 'what was said to be removed was not signed by this server');
    return CHAIN_BEGINNING;
  };

  return {
    checkpoint,

    async checkpointIfDue() {
      const last = await n.auditChain.lastCheckpoint();
      const isDue = !last || addSeconds(last.createdAt, CHECKPOINT_SECONDS) <= n.clock.now();
      return isDue ? checkpoint() : undefined;
    },

    async verify(anchors = [], onProgress = () => {}) {
      const problems: AuditProblem[] = [];
      let problemCount = 0;
      const problem: Report = (kind, position, eventId, detail) => {
        problemCount += 1;
        if (problems.length < MOST_PROBLEMS)
          problems.push({ kind, position: position?.toString() ?? null, eventId, detail });
      };

      const kept = await n.auditChain.checkpoints();
      const start = await beginning(problem);
      const head = await n.auditChain.head();
      const claims = await readClaims([...kept.map(({ jws }) => jws), ...anchors], start.position, problem);

      let at = start;
      let isProtected = false;
      let checked = 0;
      for (;;) {
        const links = await n.auditChain.links(at, BATCH);
        for (const link of links) {
          isProtected = checkLink(link, at.position, isProtected, problem);
          for (const claim of claims.get(link.position.toString()) ?? [])
            if (claim !== link.hash.toString('base64url'))
              problem('checkpoint', link.position, link.eventId, 'the chain is not the one that was signed here');
          claims.delete(link.position.toString());
          at = link;
          checked += 1;
        }
        onProgress(checked, Number(head.position - start.position));
        if (links.length < BATCH) break;
      }
      for (const claimed of claims.keys())
        problem('checkpoint', BigInt(claimed), null, `the chain ends at ${at.position}, but was signed up to here`);
      for (const stranger of await n.auditChain.strangers(MOST_PROBLEMS))
        problem(
          'inserted',
          null,
          stranger.id,
          `written past the server: ${stranger.action}, ${stranger.at.toISOString()}`,
        );
      const { count: waiting } = await n.auditChain.pending();
      return {
        isIntact: problemCount === 0,
        checked,
        from: (start.position + 1n).toString(),
        to: at.position.toString(),
        checkpoints: kept.length,
        waiting,
        problems,
        problemCount,
      };
    },
  };

  /** Hashes that were signed, by position; those of what was removed since are left out. */
  async function readClaims(all: readonly string[], after: bigint, problem: Report): Promise<Map<string, string[]>> {
    const claims = new Map<string, string[]>();
    for (const jws of all) {
      const read = (await n.signer.read(CHECKPOINT_TYPE, jws)) as Checkpoint | undefined;
      if (!read) problem('checkpoint', null, null, `a checkpoint was not signed by this server: ${jws.slice(0, 40)}…`);
      else if (BigInt(read.position) > after)
        claims.set(read.position, [...(claims.get(read.position) ?? []), read.hash]);
    }
    return claims;
  }
}

/** @returns whether events carry digests from here on */
function checkLink(link: Link, before: bigint, isProtected: boolean, problem: Report): boolean {
  const { position, eventId, event } = link;
  const isNext = position === before + 1n;
  if (!isNext) problem('chain', before + 1n, null, `places ${before + 1n} to ${position - 1n} of the chain are gone`);
  if (!link.isAuthentic)
    problem('chain', position, eventId, 'this place of the chain was written without the server’s key');
  // Behind a gap nothing can be said of what it follows from.
  const follows = link.follows || !isNext;
  if (!event) {
    problem('deleted', position, eventId, link.follows ? 'gone before it had a place in the chain' : 'it is gone');
    return isProtected;
  }
  const what = `${event.action}, ${event.at.toISOString()}`;
  if (link.isEventAuthentic === null) {
    if (isProtected) problem('inserted', position, eventId, `has no digest: ${what}`);
    else if (!follows) problem('changed', position, eventId, what);
    return isProtected;
  }
  if (!link.isEventAuthentic) {
    if (link.follows) problem('inserted', position, eventId, `written without the server’s key: ${what}`);
    else problem('changed', position, eventId, what);
  } else if (!follows) problem('reordered', position, eventId, what);
  return true;
}

type Report = (kind: ProblemKind, position: bigint | null, eventId: string | null, detail: string) => void;
