import type { FastifyPluginAsync } from 'fastify';
import type { Clock } from '../../core/clock.ts';
import { REPORTS_PATH } from '../csp.ts';

/** So many are written to the log in a minute; a stranger can send what they like here. */
const MOST_A_MINUTE = 20;
const LARGEST_REPORT = 16 * 1024;

const TYPES = ['application/csp-report', 'application/reports+json', 'application/json'];

interface Violation {
  readonly directive: string;
  readonly blocked: string;
  readonly page: string;
}

/** Of an address only what is no secret: a page's may carry a code that works once. */
function withoutSecrets(address: unknown): string {
  if (typeof address !== 'string') return '';
  if (!URL.canParse(address)) return address.slice(0, 40).replace(/[^\w-]/g, '');
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}/${pathname.split('/')[1] ?? ''}`.slice(0, 120);
}

/** The old shape (CSP 2, `report-uri`) and the new one (Reporting API, `report-to`). */
function violationsIn(body: unknown): Violation[] {
  const all = Array.isArray(body) ? body : [body];
  return all.flatMap((each) => {
    const { 'csp-report': old, body: fresh } = (each ?? {}) as Record<string, Record<string, unknown> | undefined>;
    const found = old ?? fresh;
    if (typeof found !== 'object' || found === null) return [];
    const directive = found['effective-directive'] ?? found['violated-directive'] ?? found.effectiveDirective;
    if (typeof directive !== 'string') return [];
    return [
      {
        directive: directive.slice(0, 60).replace(/[^\w -]/g, ''),
        blocked: withoutSecrets(found['blocked-uri'] ?? found.blockedURL),
        page: withoutSecrets(found['document-uri'] ?? found.documentURL),
      },
    ];
  });
}

/** What browsers refused to do on a page of ours, because its policy forbids it: a mistake of ours, or an attack. */
export const cspReportRoutes: FastifyPluginAsync<{ clock: Clock }> = async (app, { clock }) => {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser(TYPES, { parseAs: 'string', bodyLimit: LARGEST_REPORT }, (_request, text, done) => {
    try {
      done(null, JSON.parse(text as string));
    } catch {
      // Whoever sends nonsense is told nothing, as whoever sends a report.
      done(null, undefined);
    }
  });
  let minute = 0;
  let written = 0;
  app.post(REPORTS_PATH, { config: { public: true, kind: 'json' }, logLevel: 'warn' }, async (request, reply) => {
    const now = Math.floor(clock.now().getTime() / 60_000);
    if (now !== minute) [minute, written] = [now, 0];
    for (const violation of violationsIn(request.body)) {
      written += 1;
      if (written > MOST_A_MINUTE) break;
      request.log.warn(violation, 'a browser refused what a page may not do');
    }
    return reply.code(204).send();
  });
};
