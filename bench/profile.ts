/** Where the server's time goes in sign-ins: `node bench/profile.ts [count]`, writes results/*.cpuprofile and prints a summary. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeInstallation } from './lib/installation.ts';
import { startLoad } from './lib/load-process.ts';
import { cpuSeconds, postgresCpuSeconds } from './lib/processes.ts';
import { startServer } from './lib/server.ts';

const COUNT = process.argv.includes('--smoke') ? 20 : Number(process.argv[2] ?? 400);
const results = join(import.meta.dirname, 'results');
const installation = await makeInstallation();
const { application, people } = await installation.furnish(Math.max(100, Math.min(COUNT + 50, 2000)));

mkdirSync(results, { recursive: true });
const profileName = `sign-ins-${Date.now()}.cpuprofile`;
const server = await startServer(installation.environment, [
  '--cpu-prof',
  `--cpu-prof-dir=${results}`,
  `--cpu-prof-name=${profileName}`,
]);
const postmaster = installation.postmaster();
const load = startLoad(application, people);
await load.signIns(4, 30);
const before = [cpuSeconds(server.pid), postgresCpuSeconds(postmaster)] as const;
const report = await load.signIns(4, COUNT);
const after = [cpuSeconds(server.pid), postgresCpuSeconds(postmaster)] as const;
load.stop();
await server.stop();
installation.remove();

const ms = (seconds: number): string => ((seconds * 1000) / COUNT).toFixed(2);
console.log(
  `${(COUNT / report.seconds).toFixed(1)}/s; CPU ms: server ${ms(after[0] - before[0])}, PostgreSQL ${ms(after[1] - before[1])}, load ${ms(report.cpuSeconds)}`,
);
const profile = JSON.parse(readFileSync(join(results, profileName), 'utf8')) as {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
};
const self = new Map<number, number>();
for (const [index, id] of profile.samples.entries()) self.set(id, (self.get(id) ?? 0) + profile.timeDeltas[index]!);
const total = [...self.values()].reduce((sum, each) => sum + each, 0);
const parent = new Map<number, number>();
for (const node of profile.nodes) for (const child of node.children ?? []) parent.set(child, node.id);
const byId = new Map(profile.nodes.map((node) => [node.id, node]));
const packageOf = (url: string): string =>
  /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ??
  (/\/src\/(\w+)/.exec(url)
    ? `src/${/\/src\/([\w-]+)/.exec(url)![1]}`
    : url.startsWith('node:')
      ? url.split('/')[0]!
      : '');
const sums = (name: (node: (typeof profile.nodes)[number]) => string): [string, number][] => {
  const found = new Map<string, number>();
  for (const [id, time] of self) {
    const key = name(byId.get(id)!);
    found.set(key, (found.get(key) ?? 0) + time);
  }
  return [...found].sort((a, b) => b[1] - a[1]);
};
/** The nearest package above a frame of Node's own: who asked for it. */
const owner = (node: (typeof profile.nodes)[number]): string => {
  for (let at: number | undefined = node.id; at !== undefined; at = parent.get(at)) {
    const name = packageOf(byId.get(at)!.callFrame.url);
    if (name && !name.startsWith('node:')) return name;
  }
  return node.callFrame.functionName;
};
console.log('\nby owner');
for (const [name, time] of sums(owner).slice(0, 32))
  console.log(`  ${((100 * time) / total).toFixed(1).padStart(5)} %  ${name}`);
console.log('\nby function, self');
for (const [name, time] of sums(
  ({ callFrame }) =>
    `${callFrame.functionName || '(anonymous)'} ${packageOf(callFrame.url)} ${callFrame.url.split('/').at(-1)}:${callFrame.lineNumber + 1}`,
).slice(0, 45))
  console.log(`  ${((100 * time) / total).toFixed(1).padStart(5)} %  ${name}`);
