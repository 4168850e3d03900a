import { createServer, type Server } from 'node:https';
import tls from 'node:tls';
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificate, makeCertificate } from '../support/certificate.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { Laptop } from '../support/laptop.ts';
import { RelyingParty } from '../support/relying-party.ts';
import { addEnrolledPerson, type Enrolled } from '../support/story.ts';

const HEADER = 'X-Client-Cert';
let installation: TestInstallation;
let own: Certificate;
let stranger: Certificate;

beforeAll(async () => {
  installation = await startInstallation({ CLIENT_CERT_HEADER: HEADER, TRUST_PROXY: '127.0.0.1,::1' });
  own = await makeCertificate('C=NL, O=IPO\\, provincies, CN=robot.example.org');
  stranger = await makeCertificate('C=NL, O=IPO\\, provincies, CN=evil.example.org');
  await installation.addClient({
    id: 'by-certificate',
    profile: 'machine',
    authentication: 'tls_client_auth',
    tlsSubject: 'CN=robot.example.org,O=IPO\\, provincies,C=NL',
    resources: [{ uri: 'https://api.example.org/', scopes: [], format: 'jwt' }],
  });
});
afterAll(() => installation.close());

/** What nginx hands over as `$ssl_client_escaped_cert`, and RFC 9440's form. */
const escaped = ({ certificate }: Certificate) => encodeURIComponent(certificate.toString('pem'));
const structured = ({ certificate }: Certificate) => `:${Buffer.from(certificate.rawData).toString('base64')}:`;

const ask = async (headers: Record<string, string>, at = installation) =>
  fetch(`${at.url}/oidc/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'by-certificate' }),
  });

describe('a client certificate that a proxy of ours verified', () => {
  it.each([
    ['nginx’ way', escaped],
    ['RFC 9440’s way', structured],
  ])('proves the client, handed over in %s', async (_way, write) => {
    expect((await ask({ [HEADER]: write(own) })).status).toBe(200);
    expect((await ask({ [HEADER]: write(stranger) })).status).toBe(401);
  });

  it('is missing, is nonsense, or is claimed in our own header: no token', async () => {
    const der = Buffer.from(own.certificate.rawData).toString('base64');
    for (const headers of [{}, { [HEADER]: 'nonsense' }, { 'x-dubbelslot-client-certificate': der }] as Record<
      string,
      string
    >[])
      expect((await ask(headers)).status).toBe(401);
  });

  it('is one certificate: a second one in the header was added by somebody else', async () => {
    for (const value of [escaped(own) + escaped(stranger), escaped(stranger) + escaped(own)])
      expect((await ask({ [HEADER]: value })).status).toBe(401);
  });

  it('counts for nothing from anybody but that proxy', async () => {
    const open = await startInstallation(
      { CLIENT_CERT_HEADER: HEADER, TRUST_PROXY: '192.0.2.1', SECRET_KEY: installation.d.config.secretKeys[0]! },
      { databaseUrl: installation.d.database.url },
    );
    expect((await ask({ [HEADER]: escaped(own) }, open)).status).toBe(401);
    await open.close();
  });

  it('gets a token for an API', async () => {
    const answer = await fetch(`${installation.url}/oidc/token`, {
      method: 'POST',
      headers: { [HEADER]: escaped(own) },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: 'by-certificate',
        resource: 'https://api.example.org/',
      }),
    });
    const { access_token } = (await answer.json()) as { access_token: string };
    expect(decodeJwt(access_token)).toMatchObject({ aud: 'https://api.example.org/', client_id: 'by-certificate' });
  });
});

describe('CIBA by ping', () => {
  let web: Server;
  let origin: string;
  let party: RelyingParty;
  let person: Enrolled;
  const pings: { authorization: string | undefined; body: string }[] = [];
  let status = 500;

  beforeAll(async () => {
    // The specification wants https: with a certificate that this process trusts for as long as it lives.
    const server = await makeCertificate('CN=localhost');
    const pem = server.certificate.toString('pem');
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), pem]);
    web = createServer({ cert: pem, key: server.keyPem }, (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        pings.push({ authorization: request.headers.authorization, body });
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => web.listen(0, 'localhost', resolve));
    origin = `https://localhost:${(web.address() as { port: number }).port}`;
    const redirectUri = await RelyingParty.redirectUri();
    const secret = await installation.addClient({
      id: 'pinged',
      redirectUris: [redirectUri],
      grants: ['ciba'],
      pingUri: `${origin}/ping`,
    });
    party = await RelyingParty.discover(installation.url, 'pinged', secret, redirectUri);
    person = await addEnrolledPerson(installation, new Laptop(), party);
    await person.phone.closeGate();
    await installation.d.database.sql`DELETE FROM challenge`;
  });
  afterAll(() => {
    web.close();
  });

  it('tells the web app when the phone has answered, again and again until it listens', async () => {
    const asked = await oidc.initiateBackchannelAuthentication(party.config, {
      scope: 'openid',
      login_hint: person.email,
      binding_message: 'Vrijgeven',
      client_notification_token: 'a-token-of-the-app',
    });
    expect(pings).toEqual([]);
    await person.phone.approve((asked as unknown as { binding_number: string }).binding_number);
    await expect.poll(() => pings.length).toBe(1);
    expect(pings[0]!.authorization).toBe('Bearer a-token-of-the-app');
    expect(JSON.parse(pings[0]!.body)).toEqual({ auth_req_id: asked.auth_req_id });
    status = 204;
    await expect
      .poll(async () => {
        installation.clock.advance(6);
        await installation.d.makeCalls();
        return (await installation.d.database.sql`SELECT 1 FROM client_call`).length;
      })
      .toBe(0);
    expect(pings.length).toBeGreaterThan(1);
    installation.clock.reset();
    const tokens = await oidc.genericGrantRequest(party.config, 'urn:openid:params:grant-type:ciba', {
      auth_req_id: asked.auth_req_id,
    });
    expect(decodeJwt(tokens.id_token!).sub).toBe(person.accountId);
    const dump = JSON.stringify(
      await installation.d.database.sql`SELECT encode(request_sealed, 'escape') FROM client_call`,
    );
    expect(dump).not.toContain(asked.auth_req_id);
  });
});
