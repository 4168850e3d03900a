import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MODULES = '/usr/lib/apache2/modules';
const GUIDE = join(import.meta.dirname, '../../docs/integrations/apache.md');

const isRoot = process.getuid?.() === 0;

export interface ApacheSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly secret: string;
  readonly origin: string;
}

/** Debian's Apache with its own mod_auth_openidc, on the configuration that our guide gives. */
export class Apache {
  readonly origin: string;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(origin: string, folder: string, process: ChildProcess) {
    this.origin = origin;
    this.#folder = folder;
    this.#process = process;
  }

  static isInstalled(): boolean {
    try {
      execFileSync('sh', ['-c', `test -x /usr/sbin/apache2 && test -f ${MODULES}/mod_auth_openidc.so`]);
      return true;
    } catch {
      return false;
    }
  }

  static async start(settings: ApacheSettings): Promise<Apache> {
    // As root, Apache serves as another user, who must reach this; the tests' own folder is closed.
    const folder = mkdtempSync(join(isRoot ? '/tmp' : tmpdir(), 'dubbelslot-apache-'));
    for (const path of ['secure', 'secure/strong']) {
      mkdirSync(join(folder, 'site', path), { recursive: true });
      writeFileSync(
        join(folder, 'site', path, 'index.html'),
        `<!doctype html><title>app</title><h1 id="app">${path}</h1>`,
      );
    }
    writeFileSync(join(folder, 'site/index.html'), '<!doctype html><title>app</title><h1 id="app">start</h1>');
    for (const path of ['', 'site', 'site/secure', 'site/secure/strong']) chmodSync(join(folder, path), 0o755);
    const { port } = new URL(settings.origin);
    writeFileSync(join(folder, 'apache.conf'), configuration(folder, port, settings));
    const process = spawn('/usr/sbin/apache2', ['-f', join(folder, 'apache.conf'), '-DFOREGROUND'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    process.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const apache = new Apache(settings.origin, folder, process);
    for (let attempt = 0; ; attempt += 1) {
      const isUp = await fetch(settings.origin).then(
        () => true,
        () => false,
      );
      if (isUp) return apache;
      if (attempt > 100 || process.exitCode !== null) throw new Error(`Apache does not start: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  log(): string {
    return readFileSync(join(this.#folder, 'error.log'), 'utf8').slice(-5000);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The block of the guide, with this test's addresses, below what Debian's packaging otherwise sets up. */
function configuration(folder: string, port: string, { issuer, clientId, secret, origin }: ApacheSettings): string {
  const block = /```apache\n([\s\S]*?)```/
    .exec(readFileSync(GUIDE, 'utf8'))![1]!
    .replaceAll('https://login.example.nl', issuer)
    .replaceAll('https://zaken.example.nl', origin)
    .replaceAll('zaaksysteem', clientId)
    .replaceAll('the-secret-that-was-shown-once', secret)
    .replaceAll('thirty-two-random-bytes-in-base64', 'a-passphrase-of-this-test-alone');
  const modules = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'dir', 'auth_openidc'];
  const user = isRoot ? 'User www-data\nGroup www-data\n' : '';
  return `ServerRoot ${folder}
ServerName localhost
Listen localhost:${port}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/error.log
DefaultRuntimeDir ${folder}
${user}${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
DocumentRoot ${folder}/site
DirectoryIndex index.html
${block}`;
}
