/** A report as a picture: goodput by policy, and what became of the time of one trace. Standalone SVG. */
import { escapeXml } from '../base/escape-xml.ts';
import { type Span, type TimeKind, timeKinds } from './account.ts';
import type { Report } from './simulate.ts';
import type { Trace } from './trace.ts';

/** One trace as our policy lived through it. */
export interface DrawnTrace {
  readonly trace: Trace;
  readonly spans: readonly Span[];
}

const width = 880;
const left = 170;
const right = 60;
const rowHeight = 30;
const top = 56;
/** The policies lie close together: an axis from 0 would show one full bar after the other. */
const axisMin = 0.8;

/** Readable in light and dark: text and lines take the reader's colours, fills are of middle lightness. */
const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .dim { fill: #656d76 } .axis { stroke: #656d76; stroke-opacity: .35 } .worst { stroke: #1f2328; stroke-width: 2 }
  .bar { fill: #7d8590 } .ours { fill: #1a7f64 }
  .training { fill: #2da44e } .lost { fill: #d1242f } .saving { fill: #bf8700 } .restoring { fill: #218bff }
  .starting { fill: #8c959f } .waiting { fill: #8250df } .away { fill: #8c959f; fill-opacity: .18 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .dim { fill: #9198a1 } .worst { stroke: #e6edf3 }
  }`;

const words: Readonly<Record<TimeKind, string>> = {
  training: 'training',
  lost: 'lost',
  saving: 'saving',
  restoring: 'restoring',
  starting: 'starting',
  waiting: 'saved, machine not yet gone',
};

/** @param drawn the trace whose time line is shown below the bars; none where there is none */
export function drawReport(report: Report, drawn?: DrawnTrace): string {
  const barsEnd = top + report.policies.length * rowHeight;
  const height = barsEnd + (drawn === undefined ? 40 : 190);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>Goodput by policy, as a share of the oracle's</title>`,
    `<style>${style}\n</style>`,
    `<text x="16" y="24">Useful training as a share of what an oracle would do</text>`,
    `<text x="16" y="42" class="dim">${caption(report)}; the line marks the worst trace</text>`,
    ...drawAxis(barsEnd),
    ...report.policies.flatMap((_, row) => drawBar(report, row)),
    ...(drawn === undefined ? [] : drawTimeline(drawn, barsEnd + 62)),
    '</svg>',
    '',
  ].join('\n');
}

function caption({ traceCount, availableSeconds, options }: Report): string {
  const { stateBytes, missedShare } = options;
  const days = Math.round(availableSeconds / 86_400);
  const missed = Number((missedShare * 100).toPrecision(3));
  return `${traceCount} traces, ${days} machine days, checkpoints of ${stateBytes / 1e9} GB, ${missed} % of notices missed`;
}

function xOf(share: number): number {
  const clipped = Math.min(1, Math.max(axisMin, share));
  return left + ((clipped - axisMin) / (1 - axisMin)) * (width - left - right);
}

function drawAxis(bottom: number): readonly string[] {
  return [0.8, 0.85, 0.9, 0.95, 1].flatMap((share) => {
    const x = round(xOf(share));
    return [
      `<line x1="${x}" y1="${top - 4}" x2="${x}" y2="${bottom}" class="axis"/>`,
      `<text x="${x}" y="${bottom + 16}" text-anchor="middle" class="dim">${share === axisMin ? '≤ ' : ''}${share}</text>`,
    ];
  });
}

function drawBar({ policies }: Report, row: number): readonly string[] {
  const result = policies[row];
  if (result === undefined) return [];
  const y = top + row * rowHeight;
  const worst = result.worst === undefined ? undefined : round(xOf(result.worst.ofOracle));
  return [
    `<text x="${left - 10}" y="${y + 18}" text-anchor="end">${escapeXml(result.policy)}</text>`,
    `<rect x="${left}" y="${y + 4}" width="${round(Math.max(2, xOf(result.ofOracle) - left))}" height="20" rx="3" class="${row === 0 ? 'ours' : 'bar'}"/>`,
    ...(worst === undefined
      ? []
      : [
          `<line x1="${worst}" y1="${y + 1}" x2="${worst}" y2="${y + 27}" class="worst"><title>worst: ${escapeXml(result.worst?.trace ?? '')}, ${result.worst?.ofOracle.toFixed(4)}</title></line>`,
        ]),
    `<text x="${width - right + 8}" y="${y + 18}">${result.ofOracle.toFixed(4)}</text>`,
  ];
}

function drawTimeline({ trace, spans }: DrawnTrace, y: number): readonly string[] {
  const scale = (width - 32) / trace.spanSeconds;
  const at = (seconds: number): number => round(16 + seconds * scale);
  const hours = round(trace.spanSeconds / 3_600);
  return [
    `<text x="16" y="${y}">${escapeXml(trace.name)}: ${hours} hours, and what holdfast made of them</text>`,
    `<rect x="16" y="${y + 12}" width="${width - 32}" height="34" class="away"/>`,
    ...spans.map(
      ({ kind, fromSeconds, toSeconds }) =>
        `<rect x="${at(fromSeconds)}" y="${y + 12}" width="${round(Math.max(0.2, (toSeconds - fromSeconds) * scale))}" height="34" class="${kind}"/>`,
    ),
    ...timeKinds.flatMap((kind, index) => {
      const x = 16 + (index % 3) * 200;
      const line = y + 70 + Math.floor(index / 3) * 20;
      return [
        `<rect x="${x}" y="${line - 10}" width="12" height="12" class="${kind}"/>`,
        `<text x="${x + 18}" y="${line}" class="dim">${words[kind]}</text>`,
      ];
    }),
    `<rect x="616" y="${y + 60}" width="12" height="12" class="away"/>`,
    `<text x="634" y="${y + 70}" class="dim">no machine</text>`,
  ];
}

/** Hundredths of a pixel are seen by nobody. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
