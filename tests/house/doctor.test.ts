import { execFile } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInstallation, type TestInstallation } from '../support/installation.ts';

const ROOT = join(import.meta.dirname, '../..');
let installation: TestInstallation;

beforeAll(async () => {
  installation = await startInstallation();
});
afterAll(() => installation.close());

interface Found {
  readonly level: string;
  readonly what: string;
  readonly text: string;
}

/** As somebody on the machine types it, on the database of the running server. */
function doctor(environment: Record<string, string> = {}): Promise<{ code: number; findings: Found[] }> {
  const { config, database } = installation.d;
  const env = {
    PATH: process.env.PATH!,
    DATABASE_URL: database.url,
    DATABASE_OWNER_URL: installation.ownerUrl,
    SECRET_KEY: config.secretKeys[0]!,
    DATA_DIR: installation.dataDir,
    PUBLIC_URL: installation.url,
    ...environment,
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', join(ROOT, 'src/cli.ts'), 'doctor', '--json'],
      { env },
      (error, stdout) => resolve({ code: Number(error?.code ?? 0), findings: JSON.parse(stdout) as Found[] }),
    );
  });
}
const bad = (findings: readonly Found[]) => findings.filter(({ level }) => level === 'bad').map(({ what }) => what);

describe('the doctor', () => {
  it('finds nothing bad where nothing is, and says what could be better', async () => {
    await installation.d.audit({
      action: 'backup.made',
      object: 'installation',
      result: 'success',
      actor: 'cli',
      origin: 'cli',
    });
    const { code, findings } = await doctor();
    expect(bad(findings)).toEqual([]);
    expect(code).toBe(0);
    expect(findings).toContainEqual({ level: 'ok', what: 'address', text: `${installation.url} leads to this server` });
    expect(findings.find(({ what }) => what === 'mail')).toMatchObject({ level: 'hint' });
    // One letter off is told, not passed over.
    const { findings: odd } = await doctor({ TRUST_PROXYS: '127.0.0.1' });
    expect(odd.map(({ text }) => text).join()).toContain('TRUST_PROXYS is no setting');
  });

  it('says what is bad, and ends with 1', async () => {
    // Takes a connection, and says nothing more.
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, resolve));
    const { port } = silent.address() as { port: number };
    chmodSync(join(installation.dataDir, 'secret-key'), 0o644);
    await installation.d.database.sql`UPDATE signing_key SET signs_from = now() - interval '200 days'`;
    try {
      const { code, findings } = await doctor({
        SMTP_URL: 'smtp://localhost:1',
        PUBLIC_URL: `https://localhost:${port}`,
      });
      expect(code).toBe(1);
      expect(bad(findings).sort()).toEqual(['address', 'certificate', 'keys', 'keys', 'mail']);
      for (const { level, text } of findings) if (level === 'bad') expect(text).toMatch(/[.?]$/);
    } finally {
      silent.close();
      chmodSync(join(installation.dataDir, 'secret-key'), 0o600);
    }
  });
});
