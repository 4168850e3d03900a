import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { makeCertificate } from './certificate.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
const NAME = 'login.example.org';

/** A reverse proxy on the configuration that `deploy/` gives, with another name, other ports and a certificate of its own. */
export interface TlsProxy {
  stop(): Promise<void>;
}

export async function startTlsProxy(kind: 'nginx' | 'caddy', port: number, serverPort: number): Promise<TlsProxy> {
  const folder = mkdtempSync(join(tmpdir(), `dubbelslot-${kind}-`));
  // A name of its own: of two trusted certificates with one name, the wrong one may be tried.
  const { pem, keyPem } = await makeCertificate(`CN=${kind}`, 'localhost');
  writeFileSync(join(folder, 'certificate.pem'), pem);
  writeFileSync(join(folder, 'key.pem'), keyPem, { mode: 0o600 });
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), pem]);
  const child = kind === 'nginx' ? nginx(folder, port, serverPort) : caddy(folder, port, serverPort);
  let lastError = '';
  let said = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  for (let tries = 0; ; tries += 1) {
    const isUp = await fetch(`https://localhost:${port}/health/live`).then(
      ({ ok }) => ok,
      (error: Error) => {
        lastError = String(error.cause ?? error);
        return false;
      },
    );
    if (isUp) break;
    if (child.exitCode !== null || tries > 600) {
      child.kill();
      throw new Error(`${kind} does not serve (${lastError}): ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => {
          rmSync(folder, { recursive: true, force: true });
          resolve();
        });
        child.kill('SIGTERM');
      }),
  };
}

/** @throws where the configuration has not exactly what is replaced: the test would try something else */
function replaced(file: string, ...pairs: readonly (readonly [string, string])[]): string {
  let text = readFileSync(join(DEPLOY, file), 'utf8');
  for (const [from, to] of pairs) {
    if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

function nginx(folder: string, port: number, serverPort: number): ChildProcess {
  const site = replaced(
    'nginx.conf',
    ['  listen 80;\n  listen [::]:80;\n', `  listen unix:${folder}/plain.sock;\n`],
    ['  listen 443 ssl http2;\n  listen [::]:443 ssl http2;\n', `  listen 127.0.0.1:${port} ssl http2;\n`],
    [`/etc/ssl/certs/${NAME}.pem`, `${folder}/certificate.pem`],
    [`/etc/ssl/private/${NAME}.key`, `${folder}/key.pem`],
    [NAME, 'localhost'],
    ['127.0.0.1:3000', `127.0.0.1:${serverPort}`],
  );
  writeFileSync(join(folder, 'site.conf'), site);
  const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((each) => `${each}_temp_path ${folder}/${each};`)
    .join(' ');
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; pid ${folder}/pid; error_log stderr; ${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http { access_log off; ${kept} include ${folder}/site.conf; }
`,
  );
  return spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

function caddy(folder: string, port: number, serverPort: number): ChildProcess {
  const site = replaced(
    'Caddyfile',
    [`${NAME} {`, `https://localhost:${port} {\n\ttls ${folder}/certificate.pem ${folder}/key.pem`],
    ['127.0.0.1:3000', `127.0.0.1:${serverPort}`],
  );
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'Caddyfile'), `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`);
  return spawn('caddy', ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: join(folder, 'data'), XDG_CONFIG_HOME: join(folder, 'data') },
  });
}
