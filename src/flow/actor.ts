import type { Authority } from '../core/authority.ts';

/** Who administers: `cli`, `account:<id>`, `client:<id>`; and from where. */
export interface Actor {
  readonly actor: string;
  readonly origin: string;
  readonly requestId?: string | undefined;
}

/** Who acts where nobody asked for it. */
export const BY_ITSELF: Actor = { actor: 'system', origin: 'system' };

/** The same, with what they may do: for everything that touches another person. */
export interface Administrator extends Actor {
  readonly authority: Authority;
}

/** What goes into an audit event of who did something. */
export const doneBy = ({ actor, origin, requestId }: Actor): Actor => ({ actor, origin, requestId });
