import { addSeconds, type Clock } from '../core/clock.ts';
import type { ClientProblem, ClientProblems } from '../store/client-problems.ts';
import { type Client, type Clients, secretsInUse } from '../store/clients.ts';
import { needsSecret } from './client-profiles.ts';

/** One thing that the doctor found, by name; its words are in i18n (`doctor.<name>`). */
export interface Finding {
  readonly level: 'good' | 'hint' | 'bad';
  readonly name: FindingName;
  readonly facts: Readonly<Record<string, string>>;
}

export type FindingName =
  | 'registration_ok'
  | 'registration_invalid'
  | 'disabled'
  | 'secret_missing'
  | 'secret_old'
  | 'start_unknown'
  | 'start_unreachable'
  | 'start_no_redirect'
  | 'start_pushed'
  | 'start_wrong_client'
  | 'start_redirect_mismatch'
  | 'start_no_pkce'
  | 'start_plain_pkce'
  | 'start_wrong_response_type'
  | 'start_no_openid'
  | 'start_no_state'
  | 'start_ok'
  | 'logout_unknown'
  | 'logout_unreachable'
  | 'logout_fails'
  | 'logout_ok'
  | 'keys_unreachable'
  | 'keys_ok'
  | 'address_private'
  | 'clock_skew'
  | 'problem_redirect'
  | 'problem_pkce'
  | 'problem_secret'
  | 'problem_clock'
  | 'problem_grant'
  | 'problem_call'
  | 'problem_other'
  | 'problem_none';

export interface Probed {
  readonly status: number;
  readonly location: string | undefined;
  readonly cookies: readonly string[];
  readonly date: Date | undefined;
  readonly text: string;
}

/** @throws Error that says in a few words why there was no answer; `private address` where it may not be called */
export type Probe = (url: string, options?: { body?: URLSearchParams; cookies?: readonly string[] }) => Promise<Probed>;

/** Looks at a web app from the outside and says what is wrong. */
export interface ClientDoctor {
  /** @param startUri where a person begins in the app, where the registration does not say; undefined: no such client */
  check(id: string, startUri?: string): Promise<{ client: Client; findings: Finding[] } | undefined>;
}

export interface ClientDoctorNeeds {
  clients: Clients;
  clientProblems: ClientProblems;
  checkMetadata(client: Client): Promise<string | undefined>;
  probe: Probe;
  clock: Clock;
  publicUrl: string;
}

const AUTHORIZATION_PATH = '/oidc/auth';
const MOST_HOPS = 6;
const LARGEST_SKEW_SECONDS = 60;
const OLD_SECRET_DAYS = 365;
const PROBLEM_DAYS = 7;

export function createClientDoctor(n: ClientDoctorNeeds): ClientDoctor {
  const finding = (level: Finding['level'], name: FindingName, facts: Record<string, string> = {}): Finding => ({
    level,
    name,
    facts,
  });
  const unreachable = (name: FindingName, url: string, error: unknown): Finding => {
    const why = (error as Error).message;
    return why === 'private address'
      ? finding('bad', 'address_private', { url, host: new URL(url).hostname })
      : finding('bad', name, { url, why });
  };

  const clockOf = ({ date }: Probed, url: string): Finding[] => {
    if (!date) return [];
    const seconds = Math.round((date.getTime() - n.clock.now().getTime()) / 1000);
    return Math.abs(seconds) > LARGEST_SKEW_SECONDS
      ? [finding('bad', 'clock_skew', { host: new URL(url).host, seconds: String(seconds) })]
      : [];
  };

  /** Goes where a person would begin, up to our own door, and reads what the app asks there. */
  const start = async (client: Client, startUri: string | undefined): Promise<Finding[]> => {
    if (client.metadata.response_types.length === 0) return [];
    if (!startUri) return [finding('hint', 'start_unknown')];
    let url = startUri;
    let cookies: readonly string[] = [];
    for (let hop = 0; hop < MOST_HOPS; hop += 1) {
      let seen: Probed;
      try {
        seen = await n.probe(url, { cookies });
      } catch (error) {
        return [unreachable('start_unreachable', url, error)];
      }
      const skew = clockOf(seen, url);
      const next = seen.location && URL.canParse(seen.location, url) ? new URL(seen.location, url) : undefined;
      if (!next) return [...skew, finding('bad', 'start_no_redirect', { url, status: String(seen.status) })];
      if (next.href.startsWith(n.publicUrl + AUTHORIZATION_PATH)) return [...skew, ...judge(client, next.searchParams)];
      // As a browser: what a site has set goes back to it, and to nobody else.
      cookies = next.origin === new URL(url).origin ? [...cookies, ...seen.cookies] : [];
      url = next.href;
    }
    return [finding('bad', 'start_no_redirect', { url, status: 'redirects' })];
  };

  const judge = (client: Client, asked: URLSearchParams): Finding[] => {
    const get = (name: string): string => asked.get(name) ?? '';
    if (get('client_id') !== client.id)
      return [finding('bad', 'start_wrong_client', { sent: get('client_id') || '–', registered: client.id })];
    // What was pushed or signed cannot be seen here; our own checks see it, and their findings are below.
    if (get('request_uri') || get('request')) return [finding('good', 'start_pushed')];
    const registered = client.metadata.redirect_uris;
    const findings: Finding[] = [];
    if (!registered.includes(get('redirect_uri')))
      findings.push(
        finding('bad', 'start_redirect_mismatch', {
          sent: get('redirect_uri') || '–',
          registered: registered.join(', '),
        }),
      );
    if (get('response_type') !== 'code')
      findings.push(finding('bad', 'start_wrong_response_type', { sent: get('response_type') || '–' }));
    if (!get('code_challenge')) findings.push(finding('bad', 'start_no_pkce'));
    else if (get('code_challenge_method') !== 'S256') findings.push(finding('bad', 'start_plain_pkce'));
    if (!get('scope').split(' ').includes('openid')) findings.push(finding('bad', 'start_no_openid'));
    if (!get('state')) findings.push(finding('hint', 'start_no_state'));
    return findings.length > 0 ? findings : [finding('good', 'start_ok')];
  };

  const logout = async ({ metadata }: Client): Promise<Finding[]> => {
    if (metadata.response_types.length === 0) return [];
    const url = metadata.backchannel_logout_uri;
    if (!url) return [finding('hint', 'logout_unknown')];
    try {
      // No logout token: an app that listens says 400 (OpenID Connect Back-Channel Logout, section 2.8).
      const seen = await n.probe(url, { body: new URLSearchParams({ logout_token: 'check' }) });
      const isListening = seen.status < 404 || seen.status === 422;
      const facts = { url, status: String(seen.status) };
      return [
        ...clockOf(seen, url),
        isListening ? finding('good', 'logout_ok', facts) : finding('bad', 'logout_fails', facts),
      ];
    } catch (error) {
      return [unreachable('logout_unreachable', url, error)];
    }
  };

  const keys = async ({ metadata }: Client): Promise<Finding[]> => {
    const url = metadata.jwks_uri;
    if (typeof url !== 'string') return [];
    try {
      const seen = await n.probe(url);
      const { keys: found } = JSON.parse(seen.text) as { keys?: unknown[] };
      if (seen.status !== 200 || !Array.isArray(found)) throw new Error(`no keys, status ${seen.status}`);
      return [finding('good', 'keys_ok', { url, count: String(found.length) })];
    } catch (error) {
      return [unreachable('keys_unreachable', url, error)];
    }
  };

  const registration = async (client: Client): Promise<Finding[]> => {
    const now = n.clock.now();
    const problem = client.profile === 'entra' ? undefined : await n.checkMetadata(client);
    const findings: Finding[] = [];
    if (client.disabledAt) findings.push(finding('bad', 'disabled'));
    if (problem) findings.push(finding('bad', 'registration_invalid', { problem }));
    const [newest] = secretsInUse(client, now);
    if (needsSecret(client) && !newest) findings.push(finding('bad', 'secret_missing', { id: client.id }));
    if (needsSecret(client) && newest && newest.createdAt < addSeconds(now, -OLD_SECRET_DAYS * 86_400))
      findings.push(
        finding('hint', 'secret_old', { id: client.id, since: newest.createdAt.toISOString().slice(0, 10) }),
      );
    return findings.length > 0 ? findings : [finding('good', 'registration_ok')];
  };

  return {
    async check(id, startUri) {
      const client = await n.clients.byId(id);
      if (!client) return undefined;
      const problems = await n.clientProblems.of(id, addSeconds(n.clock.now(), -PROBLEM_DAYS * 86_400));
      const parts = await Promise.all([
        registration(client),
        start(client, startUri || client.settings.startUri),
        logout(client),
        keys(client),
      ]);
      const recent =
        problems.length > 0
          ? problems.map((problem) => finding('bad', problemName(problem), factsOf(problem, client)))
          : [finding('good', 'problem_none', { days: String(PROBLEM_DAYS) })];
      return { client, findings: [...parts.flat(), ...recent] };
    },
  };
}

/** What the protocol's word and its detail mean. */
function problemName({ route, error, detail }: ClientProblem): FindingName {
  if (route === 'logout' || route === 'ping') return 'problem_call';
  if (error === 'invalid_redirect_uri') return 'problem_redirect';
  if (/code_challenge|code_verifier|PKCE/i.test(detail)) return 'problem_pkce';
  if (
    /\biat\b|\bnbf\b|\bexp\b|not recent|in the future|not active yet|expired/i.test(detail) &&
    route !== 'authorization'
  )
    return 'problem_clock';
  if (error === 'invalid_client') return 'problem_secret';
  return error === 'invalid_grant' ? 'problem_grant' : 'problem_other';
}

const factsOf = (problem: ClientProblem, client: Client): Record<string, string> => ({
  at: problem.lastAt.toISOString().slice(0, 16).replace('T', ' '),
  count: String(problem.count),
  route: problem.route,
  error: problem.error,
  detail: problem.detail,
  sent: problem.redirectUri ?? '–',
  registered: client.metadata.redirect_uris.join(', '),
  reference: problem.reference || '–',
});
