import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATOR } from '../support/administration.ts';
import { Cluster } from '../support/cluster.ts';
import { isInstalled } from '../support/judges.ts';
import { Laptop } from '../support/laptop.ts';
import { freePort } from '../support/ports.ts';
import type { RelyingParty } from '../support/relying-party.ts';
import { approveAndGoOn, enrolPhone, givePassword, goOn } from '../support/story.ts';

const TOKEN = 'a token for Prometheus alone';

/** One span as OTLP has it in JSON. */
interface Span {
  readonly traceId: string;
  readonly name: string;
  readonly attributes: readonly { key: string; value: { stringValue?: string } }[];
}

describe.each([1, 2])('what is seen of a server with %i processes', (workers) => {
  let cluster: Cluster;
  let rp: RelyingParty;
  let collector: Server;
  let port: number;
  const exported: string[] = [];
  const secrets: string[] = [];

  beforeAll(async () => {
    collector = createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part));
      request.on('end', () => {
        exported.push(body);
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, 'localhost', resolve));
    port = await freePort();
    cluster = await Cluster.start(1, {
      WEB_CONCURRENCY: String(workers),
      LOG_LEVEL: 'info',
      METRICS_LISTEN: String(port),
      METRICS_TOKEN: TOKEN,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://localhost:${(collector.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '200',
    });
    rp = await cluster.addApp();
  });
  afterAll(async () => {
    await cluster?.close();
    collector.close();
  });

  const ask = (path = '/metrics', authorization = `Bearer ${TOKEN}`) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization } });
  const figures = async () => (await ask()).text();
  /** The sum of a figure over the lines that have these labels. */
  const figure = (text: string, name: string, ...labels: string[]): number =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => labels.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);

  it('counts what people do, once, however many processes serve', async () => {
    const password = cluster.d.administration.madeUpPassword();
    const email = `observed${workers}@example.org`;
    const added = await cluster.d.administration.addAccount({ email, displayName: 'Test', password }, OPERATOR);
    if (!added.ok) throw new Error(added.refusal.code);
    secrets.push(password, email);
    const wrong = new Laptop();
    await givePassword(wrong, rp, { email, password: 'not this one' });
    const laptop = new Laptop();
    await givePassword(laptop, rp, { email, password });
    const phone = await enrolPhone(laptop, cluster.url);
    secrets.push(new URL((await goOn(laptop, rp)).url).searchParams.get('code')!);
    const again = new Laptop();
    await givePassword(again, rp, { email, password });
    secrets.push(new URL(again.page.url).pathname.split('/').at(-1)!);
    secrets.push(new URL((await approveAndGoOn(again, phone, rp)).url).searchParams.get('code')!);

    await expect
      .poll(async () => figure(await figures(), 'dubbelslot_sign_ins_total', 'outcome="completed"', 'acr="mfa"'))
      .toBe(2);
    const text = await figures();
    expect(figure(text, 'dubbelslot_factor_checks_total', 'factor="password"', 'outcome="success"')).toBe(2);
    expect(figure(text, 'dubbelslot_factor_checks_total', 'factor="password"', 'outcome="refused"')).toBe(1);
    expect(figure(text, 'dubbelslot_challenges_total', 'outcome="issued"')).toBe(2);
    expect(figure(text, 'dubbelslot_challenges_total', 'outcome="approved"')).toBe(2);
    expect(figure(text, 'dubbelslot_challenge_leg_seconds_count', 'leg="answer"')).toBe(2);
    expect(figure(text, 'dubbelslot_challenge_leg_seconds_count', 'leg="resume"')).toBeGreaterThan(0);
    expect(figure(text, 'dubbelslot_audit_events_total', 'action="sign_in.completed"')).toBe(2);
    expect(
      figure(text, 'http_request_duration_seconds_count', 'route="/interaction/:uid/', 'method="POST"'),
    ).toBeGreaterThan(3);
    expect(figure(text, 'http_request_duration_seconds_count', 'route="/oidc/auth"')).toBeGreaterThan(3);
    expect(figure(text, 'dubbelslot_queue_depth', 'queue="audit"')).toBe(0);
    expect(figure(text, 'dubbelslot_build_info')).toBe(workers);
    expect(figure(text, 'dubbelslot_database_connections')).toBeGreaterThan(workers);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds/m);
    for (const secret of secrets) expect(text).not.toContain(secret);
  });

  it('gives no label to what a stranger types', async () => {
    // No word of a figure's own, and no number that one may have.
    await fetch(`${cluster.url}/no/such/kwetterhoen`);
    await fetch(`${cluster.url}/oidc/kwetterhoen`);
    // Counted when the answer has gone out, which is read here before that.
    await expect
      .poll(async () => figure(await figures(), 'http_request_duration_seconds_count', 'route="none"', 'code="404"'))
      .toBeGreaterThan(0);
    expect(await figures()).not.toContain('kwetterhoen');
  });

  it('is told to nobody without the token, and only at its own address', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer another token', `Basic ${btoa(`:${TOKEN}`)}`])
      expect(await ask('/metrics', authorization)).toMatchObject({ status: 401 });
    expect(await ask('/')).toMatchObject({ status: 404 });
    expect(await fetch(`${cluster.url}/metrics`)).toMatchObject({ status: 404 });
  });

  it.skipIf(!isInstalled('promtool'))('is text as Prometheus wants it, by promtool (needs promtool)', async () => {
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: await figures(), encoding: 'utf8' });
    expect(checked.stdout + checked.stderr).toBe('');
    expect(checked.status).toBe(0);
  });

  it('is traced: each request by its route with its statements, and no secret', async () => {
    const spans = (): Span[] =>
      exported.flatMap((body) =>
        (JSON.parse(body).resourceSpans ?? []).flatMap((resource: { scopeSpans: { spans: Span[] }[] }) =>
          resource.scopeSpans.flatMap((scope) => scope.spans),
        ),
      );
    const named = (name: string) => spans().filter((span) => span.name === name);
    await expect.poll(() => named('POST /interaction/:uid/password').length).toBe(3);
    const [first] = named('POST /interaction/:uid/password');
    expect(first!.attributes.map(({ key }) => key)).toContain('dubbelslot.request_id');
    const statements = spans().filter(({ traceId, name }) => traceId === first!.traceId && name.startsWith('pg'));
    expect(statements.length).toBeGreaterThan(2);
    // What a person is shown when something fails finds the log line, and that the trace.
    const id = first!.attributes.find(({ key }) => key === 'dubbelslot.request_id')!.value.stringValue!;
    const line = cluster.instances[0]!.output.split('\n').find((each) => each.includes(id));
    expect(JSON.parse(line!)).toMatchObject({ reqId: id, trace_id: first!.traceId });
    const all = exported.join('\n');
    for (const secret of secrets) expect(all).not.toContain(secret);
    expect(all).not.toMatch(/code=|state=|code_challenge/);
  });
});
