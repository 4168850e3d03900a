const WIDTH = 640;
const BAR = 28;
const GAP = 12;
const LABEL = 180;

const escaped = (text: string): string => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

const svg = (height: number, label: string, body: string): string =>
  `<svg class="chart" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(label)}" preserveAspectRatio="xMinYMin meet">${body}</svg>`;

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly of: number;
}

/** Shares as horizontal bars; the table beside it says the same in numbers. */
export function barChart(label: string, bars: readonly Bar[]): string {
  const room = WIDTH - LABEL - 70;
  const rows = bars.map(({ label: name, value, of }, index) => {
    const y = index * (BAR + GAP);
    const share = of === 0 ? 0 : value / of;
    return `<text class="chart-label" x="0" y="${y + BAR * 0.68}">${escaped(name)}</text><rect class="chart-rest" x="${LABEL}" y="${y}" width="${room}" height="${BAR}" rx="4"/><rect class="chart-bar" x="${LABEL}" y="${y}" width="${(room * share).toFixed(1)}" height="${BAR}" rx="4"/><text class="chart-value" x="${WIDTH - 60}" y="${y + BAR * 0.68}">${Math.round(share * 100)} %</text>`;
  });
  return svg(bars.length * (BAR + GAP), label, rows.join(''));
}

export interface Point {
  /** From 0 to 1 over the width. */
  readonly x: number;
  readonly y: number;
}

/** A line over time, from 0 to the most; `target` as a dashed one beside it. */
export function lineChart(
  label: string,
  points: readonly Point[],
  ends: { from: string; to: string },
  target: readonly Point[] = [],
): string {
  const height = 180;
  const most = Math.max(1, ...points.map(({ y }) => y), ...target.map(({ y }) => y));
  const left = 44;
  const place = ({ x, y }: Point): string =>
    `${(left + x * (WIDTH - left - 8)).toFixed(1)},${(8 + (1 - y / most) * (height - 40)).toFixed(1)}`;
  const line = (list: readonly Point[], name: string): string =>
    list.length === 0 ? '' : `<polyline class="${name}" points="${list.map(place).join(' ')}"/>`;
  const dots =
    points.length === 1
      ? `<circle class="chart-dot" cx="${place(points[0]!).split(',')[0]}" cy="${place(points[0]!).split(',')[1]}" r="4"/>`
      : '';
  return svg(
    height,
    label,
    `<line class="chart-axis" x1="${left}" y1="${height - 32}" x2="${WIDTH - 8}" y2="${height - 32}"/><text class="chart-value" x="0" y="16">${most}</text><text class="chart-value" x="0" y="${height - 30}">0</text><text class="chart-label" x="${left}" y="${height - 8}">${escaped(ends.from)}</text><text class="chart-label chart-end" x="${WIDTH - 8}" y="${height - 8}">${escaped(ends.to)}</text>${line(target, 'chart-target')}${line(points, 'chart-line')}${dots}`,
  );
}
