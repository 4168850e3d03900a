/**
 * The bill of materials (CycloneDX) of what is installed to run Dubbelslot, on any machine, on standard output. npm makes
 * it from the lock file. Its own `--omit dev` leaves out what is needed for running and for tests both (npm 11.19), and
 * it names the project after its folder: both are put right here.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { licensed } from './licences.ts';

interface Bill {
  metadata: { component: { name: string; 'bom-ref': string } };
  components: { 'bom-ref': string; name: string; version: string; group?: string }[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

const root = join(import.meta.dirname, '..');
const made = execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
});
const bill = JSON.parse(made) as Bill;
const wanted = new Set(licensed(root).map(({ name, version }) => `${name}@${version}`));
bill.metadata.component.name = packageJson.name;
bill.components = bill.components.filter(({ group, name, version }) =>
  wanted.has(`${group ? `${group}/` : ''}${name}@${version}`),
);
const kept = new Set([bill.metadata.component['bom-ref'], ...bill.components.map((each) => each['bom-ref'])]);
bill.dependencies = bill.dependencies
  .filter(({ ref }) => kept.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => kept.has(each)) }));
process.stdout.write(`${JSON.stringify(bill, null, 2)}\n`);
