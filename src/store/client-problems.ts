import type { Database } from './database.ts';

/** What last went wrong for a web app, of one kind. */
export interface ClientProblem {
  /** Where: `authorization`, `grant`, `logout`, ... */
  readonly route: string;
  /** OAuth's word for it. */
  readonly error: string;
  readonly detail: string;
  /** What the app sent, where it sent one. */
  readonly redirectUri: string | null;
  /** Finds the log line. */
  readonly reference: string;
  readonly count: number;
  readonly lastAt: Date;
}

export interface ClientProblems {
  /** One row for each kind of mistake of a client that exists. */
  note(
    problem: {
      clientId: string | undefined;
      route: string | undefined;
      error: string;
      detail: string;
      redirectUri: string | undefined;
      reference: string;
    },
    now: Date,
  ): Promise<void>;
  /** Newest first. */
  of(clientId: string, since: Date): Promise<ClientProblem[]>;
}

const LONGEST = 500;
/** On one line, without anything that a terminal would act on. */
const cut = (text: string): string => text.replace(/\p{Cc}/gu, ' ').slice(0, LONGEST);

export function createClientProblems({ relaxedSql, sql }: Database): ClientProblems {
  return {
    async note({ clientId, route, error, detail, redirectUri, reference }, now) {
      if (clientId === undefined) return;
      await relaxedSql`INSERT INTO client_problem (client_id, route, error, detail, redirect_uri, reference, last_at)
        SELECT id, ${cut(route ?? '')}, ${cut(error)}, ${cut(detail)}, ${redirectUri === undefined ? null : cut(redirectUri)}, ${cut(reference)}, ${now}
          FROM client WHERE id = ${clientId}
        ON CONFLICT (client_id, route, error) DO UPDATE SET detail = excluded.detail, redirect_uri = excluded.redirect_uri,
          reference = excluded.reference, count = client_problem.count + 1, last_at = excluded.last_at`;
    },
    of: (clientId, since) =>
      sql<ClientProblem>`SELECT route, error, detail, redirect_uri, reference, count, last_at FROM client_problem
        WHERE client_id = ${clientId} AND last_at >= ${since} ORDER BY last_at DESC`,
  };
}
