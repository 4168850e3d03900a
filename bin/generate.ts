/**
 * Runs `prisma generate` after `npm ci`.
 *
 * Prisma's command line wants to download a schema engine for every command, although `generate` never
 * uses one; naming any executable in PRISMA_SCHEMA_ENGINE_BINARY keeps it from trying. Where Prisma's
 * command line is not installed (`npm ci --omit=dev`), the client must have been generated before.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const prisma = join(root, 'node_modules/prisma/build/index.js');

if (existsSync(prisma)) {
  const run = spawnSync(process.execPath, [prisma, 'generate', '--no-hints'], {
    cwd: root,
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    process.stderr.write(run.stdout + run.stderr);
    process.exit(run.status ?? 1);
  }
} else if (!existsSync(join(root, 'src/store/generated/client.ts'))) {
  process.stderr.write(
    'Prisma is not installed and src/store/generated is missing: run npm ci without --omit=dev once.\n',
  );
  process.exit(1);
}
