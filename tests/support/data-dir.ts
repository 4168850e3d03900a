import { readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Where the embedded PostgreSQL of a data folder lives: as root, elsewhere (src/store/embedded-layout.ts). */
export function postgresHome(dataDir: string): string {
  const home = join(dataDir, 'postgres');
  try {
    return readlinkSync(home);
  } catch {
    return home;
  }
}

export function removeDataDir(dataDir: string): void {
  rmSync(postgresHome(dataDir), { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
}
