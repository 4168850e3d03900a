import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Authority } from '../../src/core/authority.ts';
import { peopleCsv, refusedLinesCsv } from '../../src/flow/csv-files.ts';
import { LARGEST_IMPORT_BYTES } from '../../src/flow/imports.ts';
import type { Account, Role } from '../../src/store/accounts.ts';
import type { ImportJob } from '../../src/store/imports.ts';
import { OPERATOR } from '../support/administration.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';
import { linkIn, MailServer } from '../support/mail-server.ts';

let mails: MailServer;
let installation: TestInstallation;
let folder: string;
const staff = {} as Record<Role, Account>;

beforeAll(async () => {
  mails = await MailServer.start();
  installation = await startInstallation({ SMTP_URL: mails.url });
  folder = mkdtempSync(join(tmpdir(), 'dubbelslot-import-'));
});
beforeEach(async () => {
  for (const role of ['administrator', 'owner'] as const)
    staff[role] = (await installation.addPerson(undefined, { role })).account;
});
afterEach(() => installation.clock.reset());
afterAll(async () => {
  await installation.close();
  await mails.close();
});

const by = (role: Role) => {
  const authority: Authority = { kind: 'person', accountId: staff[role].id, role };
  return { actor: `account:${staff[role].id}`, origin: '192.0.2.7', authority };
};
async function* bytes(text: string | Buffer, size = 7): AsyncGenerator<Buffer> {
  const all = Buffer.from(text as string);
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
}
const finished = async (id: string): Promise<ImportJob> => {
  await expect
    .poll(async () => (await installation.d.importing.look(id))?.state, { timeout: 60_000 })
    .not.toMatch(/waiting|running/);
  return (await installation.d.importing.look(id))!;
};
const upload = async (
  text: string | Buffer,
  {
    isDryRun = false,
    isInviting = false,
    who = OPERATOR as Parameters<typeof installation.d.importing.upload>[2],
  } = {},
) => {
  const what = { name: 'people.csv', isDryRun, isInviting, may: () => true };
  const uploaded = await installation.d.importing.upload(bytes(text), what, who);
  return uploaded.ok ? finished(uploaded.value.id) : uploaded.refusal.code;
};
const done = async (...args: Parameters<typeof upload>): Promise<ImportJob> => {
  const job = await upload(...args);
  if (typeof job === 'string') throw new Error(job);
  return job;
};
const counts = ({ added, changed, unchanged, refused }: ImportJob) => [added, changed, unchanged, refused];
const codes = async ({ id }: ImportJob) =>
  (await installation.d.importing.lines(id, 'refused', 100)).map(({ line, code }) => [line, code]);
const textOf = async (file: AsyncIterable<string>): Promise<string> => {
  let text = '';
  for await (const part of file) text += part;
  return text;
};

describe('an import', () => {
  it('says first what would happen, and changes nothing', async () => {
    const file = 'email,name,groups\nproef1@example.org,Proef Een,zaken|beheer\nproef2@example.org,,\n';
    const job = await done(file, { isDryRun: true });
    expect([job.state, ...counts(job)]).toEqual(['checked', 2, 0, 0, 0]);
    expect(await installation.d.accounts.byEmail('proef1@example.org')).toBeUndefined();
    const begun = await installation.d.importing.begin(job.id, { isInviting: false, may: () => true }, OPERATOR);
    expect(begun.ok).toBe(true);
    const real = await finished(job.id);
    expect([real.state, ...counts(real)]).toEqual(['done', 2, 0, 0, 0]);
    expect((await installation.d.accounts.byEmail('proef1@example.org'))!.groups).toEqual(['zaken', 'beheer']);
    // Done is done: neither twice, nor stopped afterwards.
    const again = await installation.d.importing.begin(job.id, { isInviting: false, may: () => true }, OPERATOR);
    expect(again).toMatchObject({ ok: false, refusal: { code: 'import_closed' } });
    const rows = await installation.d.database.sql`SELECT 1 FROM import_part WHERE job_id = ${job.id}`;
    expect(rows).toEqual([]);
  });

  it('changes what the file says and leaves the rest, as often as it is repeated', async () => {
    // As Excel writes it in the Netherlands: semicolons, a mark at the beginning, and Windows line ends.
    const first = '\ufeffE-mail;x\r\n'.replace('E-mail;x', 'email;name;language;groups;notify_email;status');
    const file = `${first}Wissel@Example.org;"Wissel; Wilma";nl;a|b|a;privé@example.org;\r\n`;
    expect(counts(await done(file))).toEqual([1, 0, 0, 0]);
    expect(counts(await done(file))).toEqual([0, 0, 1, 0]);
    expect(counts(await done('email,name,language,groups,status\nwissel@example.org,,-,-,suspended\n'))).toEqual([
      0, 1, 0, 0,
    ]);
    const account = (await installation.d.accounts.byEmail('wissel@example.org'))!;
    expect([account.displayName, account.locale, account.groups, account.status]).toEqual([
      'Wissel; Wilma',
      null,
      [],
      'suspended',
    ]);
  });

  it('keeps the good lines and writes the bad ones to a file that can be put right and sent again', async () => {
    const file = [
      'email,name,role,language',
      'goed1@example.org,Goed,,nl',
      'geen adres,Fout,,nl',
      'kort@example.org',
      'goed1@example.org,Dubbel,,',
      'taal@example.org,Taal,,fr',
      'rol@example.org,Rol,keizer,',
      '"open@example.org,Open,,',
      '=HYPERLINK("x"),Formule,,',
      '',
      'goed2@example.org,"Goed, ook",,en',
    ].join('\n');
    const job = await done(file);
    expect(counts(job)).toEqual([2, 0, 0, 7]);
    expect(await codes(job)).toEqual([
      [3, 'email_invalid'],
      [4, 'line_unreadable'],
      [5, 'email_twice'],
      [6, 'value_unknown'],
      [7, 'value_unknown'],
      [8, 'line_unreadable'],
      [9, 'line_unreadable'],
    ]);
    const bad = await textOf(refusedLinesCsv(installation.d.importing, job.id, ({ code }) => code));
    expect(bad.split('\n')[0]).toBe('email,name,role,language,problem');
    for (const line of bad.split('\n')) expect(line).not.toMatch(/(^|,)"?[=+@]/);
    const right = bad.replace('geen adres', 'wel-een-adres@example.org');
    // The one with too few cells is whole now too.
    expect(counts(await done(right))[0]).toBe(2);
  });

  it('gives no more rights than whoever started it has, at the moment of each line', async () => {
    const roles = 'email,role\nhelper@example.org,helpdesk\n';
    const what = { name: 'r.csv', isDryRun: false, isInviting: false, may: () => false };
    const refused = await installation.d.importing.upload(bytes(roles), what, by('owner'));
    expect(await codes(await finished(refused.ok ? refused.value.id : ''))).toEqual([[2, 'role_not_allowed']]);
    const boss = await done('email,role\nbaas@example.org,owner\n', { who: by('administrator') });
    expect(await codes(boss)).toEqual([[2, 'role_too_high']]);
    const target = `email,name\n${staff.owner.email},Overgenomen\n${staff.administrator.email},Zelf\n`;
    expect(await codes(await done(target, { who: by('administrator') }))).toEqual([
      [2, 'role_too_high'],
      [3, 'own_account'],
    ]);
    // Somebody whose role was taken meanwhile.
    const who = by('administrator');
    await installation.d.database.sql`UPDATE account SET role = NULL WHERE id = ${staff.administrator.id}`;
    const job = await done('email\nlaat@example.org\n', { who });
    expect([job.state, job.problem]).toEqual(['failed', 'not_allowed']);
    expect(await installation.d.accounts.byEmail('laat@example.org')).toBeUndefined();
  });

  it('refuses cells of any length, and goes on', async () => {
    const long = 'abcdefghij'.repeat(600);
    const file = `email,name,groups\n${long},,\nlang@example.org,,${long}\nlang@example.org,${long},\n${long}@example.${long},,\nna@example.org,,\n`;
    for (const isDryRun of [true, false]) expect(counts(await done(file, { isDryRun }))).toEqual([1, 0, 0, 4]);
  });

  it('invites whom it adds, where that is asked', async () => {
    await done('email,invite\nuitgenodigd@example.org,\nstil@example.org,nee\n', { isInviting: true });
    const mail = await mails.next('uitgenodigd@example.org', 'Uw account');
    expect(linkIn(mail, '/link')).toContain(installation.url);
    expect(await installation.d.accounts.byEmail('stil@example.org')).toBeDefined();
  });

  it('invites whom a worker added that died before it said so', async () => {
    const what = { name: 'people.csv', isDryRun: false, isInviting: true, may: () => true, isMine: true };
    const uploaded = await installation.d.importing.upload(bytes('email\nhalf@example.org\n'), what, OPERATOR);
    if (!uploaded.ok) throw new Error(uploaded.refusal.code);
    const now = installation.clock.now();
    await installation.d.imports.take(now, new Date(now.getTime() + 30_000), uploaded.value.id);
    await installation.d.administration.addAccount(
      { email: 'half@example.org', displayName: '', isSilent: true },
      OPERATOR,
    );
    installation.clock.advance(31);
    expect(await finished(uploaded.value.id)).toMatchObject({ state: 'done', linesDone: 1 });
    expect(linkIn(await mails.next('half@example.org', 'Uw account'), '/link')).toContain(installation.url);
  });

  it('belongs to one worker: a slower one writes nothing any more', async () => {
    const what = { name: 'people.csv', isDryRun: true, isInviting: false, may: () => true, isMine: true };
    const uploaded = await installation.d.importing.upload(bytes('email\nslow@example.org\n'), what, OPERATOR);
    if (!uploaded.ok) throw new Error(uploaded.refusal.code);
    const { imports, clock } = installation.d;
    const later = (seconds: number) => new Date(clock.now().getTime() + seconds * 1000);
    const slow = (await imports.take(later(0), later(3600), uploaded.value.id))!;
    expect(await imports.take(later(0), later(3600), uploaded.value.id)).toBeUndefined();
    const next = (await imports.take(later(3601), later(7200), uploaded.value.id))!;
    const line = {
      line: 2,
      email: 'slow@example.org',
      outcome: 'added',
      code: null,
      field: null,
      record: null,
    } as const;
    const progress = { bytesDone: 1, leaseUntil: later(7200) };
    expect(await imports.report(slow, [line], progress)).toBe(false);
    expect(await imports.finish(slow, 'checked', null, later(0))).toBe(false);
    expect(await imports.failed(slow)).toBe(0);
    expect(await imports.report(next, [line], progress)).toBe(true);
    expect(await imports.finish(next, 'checked', null, later(0))).toBe(true);
  });

  it('on which we fail each time has an end, and what was done stays', async () => {
    const owner = new pg.Client({ connectionString: installation.ownerUrl });
    await owner.connect();
    await owner.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a fault for a test'; END $$;
      CREATE TRIGGER fail BEFORE INSERT ON account FOR EACH ROW WHEN (NEW.email = 'kapot@example.org') EXECUTE FUNCTION fail()`);
    try {
      const what = { name: 'people.csv', isDryRun: false, isInviting: false, may: () => true };
      const uploaded = await installation.d.importing.upload(bytes('email\nkapot@example.org\n'), what, OPERATOR);
      if (!uploaded.ok) throw new Error(uploaded.refusal.code);
      const { id } = uploaded.value;
      const failures = async () =>
        (await installation.d.database.sql<{ failures: number }>`SELECT failures FROM import_job WHERE id = ${id}`)[0]!
          .failures;
      for (let times = 1; times < 5; times += 1) {
        await expect.poll(failures, { timeout: 10_000 }).toBe(times);
        expect((await installation.d.importing.look(id))!.state).toBe('running');
        installation.clock.advance(31);
      }
      expect(await finished(id)).toMatchObject({ state: 'failed', problem: 'fault' });
    } finally {
      await owner.query('DROP TRIGGER fail ON account; DROP FUNCTION fail()');
      await owner.end();
    }
  });

  it.each([
    ['nothing', '', 'import_columns'],
    ['no address', 'name,groups\nx,y\n', 'import_columns'],
    ['an unknown column', 'email,wachtwoord\na@example.org,geheim\n', 'import_column_unknown'],
    ['a column twice', 'email,email\na@example.org,b@example.org\n', 'import_columns'],
    ['Windows-1252', Buffer.from('email,name\na@example.org,Andr\xe9\n', 'latin1'), 'import_not_text'],
    ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe]), 'import_not_text'],
  ])('refuses %s as a whole', async (_what, file, code) => {
    expect(await upload(file)).toBe(code);
    const left = await installation.d.database.sql`SELECT 1 FROM import_job WHERE size < 0`;
    expect(left).toEqual([]);
  });

  it('refuses more than 100 MB on the way, and a line without an end in bounded memory', async () => {
    const part = Buffer.from('x@example.org\n'.repeat(20_000));
    let sent = 0;
    const endless = async function* () {
      yield Buffer.from('email\n');
      for (;;) {
        sent += part.length;
        yield part;
      }
    };
    const what = { name: 'groot.csv', isDryRun: true, isInviting: false, may: () => true };
    const refused = await installation.d.importing.upload(endless(), what, OPERATOR);
    expect(refused).toMatchObject({ ok: false, refusal: { code: 'import_too_large' } });
    expect(sent).toBeLessThan(LARGEST_IMPORT_BYTES + 2 * part.length);
    const job = await done(`email\n${'y'.repeat(5_000_000)}\nna-de-lange@example.org\n`);
    expect(counts(job)).toEqual([1, 0, 0, 1]);
    expect((await installation.d.importing.lines(job.id, 'refused', 1))[0]!.record!.length).toBeLessThan(40_000);
  });

  it('exports what it reads, with nothing that a spreadsheet works out', async () => {
    await installation.d.administration.addAccount(
      { email: 'formule@example.org', displayName: '=1+1', isSilent: true, groups: ['uitvoer'] },
      OPERATOR,
    );
    const file = await textOf(peopleCsv(installation.d.people, { group: 'uitvoer' }));
    expect(file).toContain("'=1+1");
    expect(counts(await done(file))).toEqual([0, 0, 1, 0]);
  });
});

describe('an import by the command line', () => {
  const environment = () => ({
    PATH: process.env.PATH!,
    DATABASE_URL: installation.d.database.url,
    DATABASE_OWNER_URL: installation.ownerUrl,
    DATA_DIR: installation.dataDir,
    PUBLIC_URL: installation.url,
    ORGANISATION: 'Voorbeeldorganisatie',
    SMTP_URL: mails.url,
  });
  const cli = (args: readonly string[], node: readonly string[] = []) => {
    const child = spawn(process.execPath, [...node, 'src/cli.ts', ...args], { env: environment() });
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (out += chunk));
    const over = new Promise<{ code: number | null; out: string }>((resolve) =>
      child.on('close', (code) => resolve({ code, out })),
    );
    return { child, over };
  };

  it('goes on after it was killed half-way, and nobody is added twice', async () => {
    const many = 4000;
    const file = join(folder, 'veel.csv');
    writeFileSync(file, `email\n${Array.from({ length: many }, (_, i) => `veel${i}@example.org\n`).join('')}`);
    const { child, over } = cli(['account', 'import', file, '--yes']);
    const half = async () => {
      const [job] = await installation.d.importing.list(1);
      return job?.name === 'veel.csv' ? job.linesDone : 0;
    };
    await expect.poll(half, { timeout: 60_000, interval: 20 }).toBeGreaterThan(600);
    child.kill('SIGKILL');
    await over;
    const [job] = await installation.d.importing.list(1);
    expect(job!.linesDone).toBeLessThan(many);
    expect(job!.state).toBe('running');
    // The lease of the dead one ends; the server goes on where its last batch ended.
    installation.clock.advance(31);
    const after = await finished(job!.id);
    expect([after.state, after.linesDone, after.refused]).toEqual(['done', many, 0]);
    expect(after.added + after.unchanged).toBe(many);
    expect(after.unchanged).toBeLessThanOrEqual(200);
    const [row] = await installation.d.database.sql<{ count: number }>`SELECT count(*)::int AS count FROM account
      WHERE email LIKE 'veel%'`;
    expect(row!.count).toBe(many);
  });

  it('reads 100,000 lines with little memory, and says with its exit code that some were refused', async () => {
    const file = join(folder, 'groot.csv');
    const bad = join(folder, 'bad.csv');
    const lines = Array.from({ length: 100_000 }, (_, i) =>
      i % 25_000 === 7 ? `geen adres ${i},x\n` : `groot${i}@example.org,Naam ${i} ${'z'.repeat(80)}\n`,
    );
    writeFileSync(file, `email,name\n${lines.join('')}`);
    const { over } = cli(['account', 'import', file, '--bad-lines', bad, '--json'], ['--max-old-space-size=96']);
    const { code, out } = await over;
    expect([code, out.slice(0, 2)], out).toEqual([3, '{\n']);
    expect(JSON.parse(out)).toMatchObject({
      state: 'checked',
      isDryRun: true,
      lines: 100_000,
      added: 99_996,
      refused: 4,
    });
    expect(readFileSync(bad, 'utf8').trim().split('\n')).toHaveLength(5);
  });
});
