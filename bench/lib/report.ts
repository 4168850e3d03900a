import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';

/** Prints a result and keeps it in `results/<name>.json`, with the machine that it is of. */
export function writeReport(name: string, figures: object): void {
  const machine = {
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  const folder = join(import.meta.dirname, '../results');
  mkdirSync(folder, { recursive: true });
  const text = JSON.stringify({ machine, ...figures }, null, 2);
  writeFileSync(join(folder, `${name}.json`), `${text}\n`);
  console.log(text);
}
