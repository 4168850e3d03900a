/**
 * Makes docs/configuration.md from the settings' schema; with --check only says whether it is up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { settings } from '../src/config/schema.ts';

const file = join(import.meta.dirname, '../docs/configuration.md');

const rows = Object.entries(settings.shape).map(([name, schema]) => {
  const fallback = schema.safeParse(undefined);
  const { description = '' } = z.globalRegistry.get(schema) ?? {};
  const given = fallback.success ? fallback.data : undefined;
  const isOwnWords = typeof given === 'object' && !Array.isArray(given);
  const shown =
    given === undefined || isOwnWords || (Array.isArray(given) && given.length === 0) ? '' : `\`${String(given)}\``;
  return `| \`${name}\` | ${shown} | ${description} |`;
});

const page = `# Settings

Made from \`src/config/schema.ts\` by \`node bin/configuration-page.ts\`: change it there.

Settings come from the environment. Each can also come from a file: \`NAME_FILE\` names it (for secrets in containers).
An empty value counts as not set. All mistakes are told at once, before anything starts.

| setting | default | what it is |
|---|---|---|
${rows.join('\n')}
`;

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== page) {
    process.stderr.write('docs/configuration.md is out of date: run node bin/configuration-page.ts\n');
    process.exit(1);
  }
} else {
  writeFileSync(file, page);
}
