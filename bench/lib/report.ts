import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';

/** One bar of a chart. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly unit: string;
  /** What is aimed at, and the least that is good enough, where there is such a thing. */
  readonly aim?: number;
  readonly floor?: number;
}

const FOLDER = join(import.meta.dirname, '../results');

/** Prints a result and keeps it in `results/<name>.json` and, with its charts, `.html`; with the machine that it is of. */
export function writeReport(
  name: string,
  figures: object,
  charts: readonly { title: string; bars: readonly Bar[] }[],
): void {
  const machine = {
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  mkdirSync(FOLDER, { recursive: true });
  const text = JSON.stringify({ machine, ...figures }, null, 2);
  writeFileSync(join(FOLDER, `${name}.json`), `${text}\n`);
  writeFileSync(join(FOLDER, `${name}.html`), page(name, text, charts.map(chart).join('\n')));
  console.log(text);
}

const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]!);

function chart({ title, bars }: { title: string; bars: readonly Bar[] }): string {
  const most = Math.max(...bars.flatMap(({ value, aim = 0, floor = 0 }) => [value, aim, floor]), 1e-9);
  const x = (value: number): number => 220 + (480 * value) / most;
  const mark = (value: number | undefined, colour: string, y: number): string =>
    value === undefined
      ? ''
      : `<line x1="${x(value)}" x2="${x(value)}" y1="${y - 2}" y2="${y + 20}" stroke="${colour}" stroke-width="2"/>`;
  const rows = bars.map(({ label, value, unit, aim, floor }, index) => {
    const y = 6 + index * 30;
    return `<text x="0" y="${y + 13}">${escaped(label)}</text><rect x="220" y="${y}" width="${Math.max(0, x(value) - 220)}" height="18" fill="#1d3a8a"/>
      ${mark(floor, '#b3261e', y)}${mark(aim, '#1b6b3a', y)}<text x="${x(value) + 6}" y="${y + 13}">${value} ${escaped(unit)}</text>`;
  });
  return `<h2>${escaped(title)}</h2><svg viewBox="0 0 860 ${bars.length * 30 + 8}" role="img" aria-label="${escaped(title)}">${rows.join('')}</svg>`;
}

const page = (name: string, text: string, charts: string): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${name}</title>
<style>body{font:15px/1.5 system-ui;max-width:56rem;margin:2rem auto;padding:0 1rem}svg{width:100%}text{font:13px system-ui}pre{overflow:auto;font-size:12px}</style>
<h1>${name}</h1><p>${new Date().toISOString()}. Red: the least that is good enough; green: the aim.</p>${charts}<pre>${escaped(text)}</pre></html>
`;
