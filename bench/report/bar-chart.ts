import { escapeXml } from '../../lib/base/escape-xml.ts';

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Ours stand out from those they are held against. */
  readonly kind: 'ours' | 'peer' | 'bad';
  readonly text: string;
}

export interface BarChart {
  readonly title: string;
  readonly bars: readonly Bar[];
  /** Ratios over several orders of magnitude. @default 'linear' */
  readonly scale?: 'linear' | 'log';
  /** A line across all bars, as the goal. */
  readonly line?: { readonly value: number; readonly label: string };
}

const width = 860;
const labelWidth = 300;
const textWidth = 130;
const rowHeight = 26;
const top = 56;

/** Horizontal bars as SVG, readable on light and on dark pages. */
export function barChart({ title, bars, scale = 'linear', line }: BarChart): string {
  const values = [...bars.map(({ value }) => value), ...(line === undefined ? [] : [line.value])];
  const place = scale === 'log' ? logPlace(values) : linearPlace(values);
  const height = top + bars.length * rowHeight + 14;
  const rows = bars.map((bar, at) => row(bar, top + at * rowHeight, place(bar.value)));
  const across = line === undefined ? '' : goalLine(line.label, labelWidth + place(line.value), height);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 15px; font-weight: 600; }
  .ours { fill: #1a7f37; } .peer { fill: #8c959f; } .bad { fill: #cf222e; } .goal { stroke: #0969da; stroke-dasharray: 4 3; } .goal-text { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .ours { fill: #3fb950; } .peer { fill: #6e7681; } .bad { fill: #f85149; } .goal { stroke: #58a6ff; } .goal-text { fill: #58a6ff; }
  }
</style>
<text class="title" x="8" y="22">${escapeXml(title)}</text>
${rows.join('\n')}
${across}
</svg>
`;
}

function row({ label, kind, text }: Bar, y: number, length: number): string {
  return [
    `<text x="${labelWidth - 8}" y="${y + 15}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="${kind}" x="${labelWidth}" y="${y + 3}" width="${length.toFixed(1)}" height="${rowHeight - 9}" rx="2"/>`,
    `<text x="${(labelWidth + length + 6).toFixed(1)}" y="${y + 15}">${escapeXml(text)}</text>`,
  ].join('');
}

function goalLine(label: string, x: number, height: number): string {
  const at = x.toFixed(1);
  return `<line class="goal" x1="${at}" y1="${top - 8}" x2="${at}" y2="${height - 8}"/><text class="goal-text" x="${at}" y="${top - 12}" text-anchor="middle">${escapeXml(label)}</text>`;
}

const room = width - labelWidth - textWidth;

function linearPlace(values: readonly number[]): (value: number) => number {
  const most = Math.max(...values, Number.MIN_VALUE);
  return (value) => (Math.max(0, value) / most) * room;
}

/** From half of the least to the greatest; zero has no place on it and is drawn at the left edge. */
function logPlace(values: readonly number[]): (value: number) => number {
  const positive = values.filter((value) => value > 0);
  const from = Math.log10(Math.min(...positive) / 2);
  const span = Math.max(1e-9, Math.log10(Math.max(...positive)) - from);
  return (value) => (value > 0 ? ((Math.log10(value) - from) / span) * room : 0);
}
