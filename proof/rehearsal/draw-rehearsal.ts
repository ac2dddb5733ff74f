/** A rehearsal as a picture: what its machines did when, and which of the steps count. Standalone SVG. */
import { escapeXml } from '../../lib/base/escape-xml.ts';
import { type AttemptGoodput, type JobTimeKind } from '../../lib/ledger/goodput.ts';
import type { RehearsedAttempt } from './attempts-of.ts';
import type { Rehearsal } from './judge.ts';

const width = 880;
const left = 150;
const right = 24;
const rowHeight = 22;
const legendWidth = 110;

/** Readable in light and dark: text and lines take the reader's colours, fills are of middle lightness. */
const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .dim { fill: #656d76 } .act { stroke: #d1242f; stroke-opacity: .7 } .failed { fill: #d1242f }
  .productive, .kept { fill: #2da44e } .lost { fill: #d1242f } .saving { fill: #bf8700 } .restoring { fill: #218bff }
  .starting { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .dim { fill: #9198a1 }
  }`;

/** In the order in which an attempt meets them, as far as seconds alone tell. */
const kinds: ReadonlyArray<readonly [kind: JobTimeKind, words: string]> = [
  ['starting', 'starting'],
  ['restoring', 'restoring'],
  ['productive', 'training'],
  ['saving', 'saving'],
  ['lost', 'made again'],
];

export function drawRehearsal(rehearsal: Rehearsal): string {
  const { attempts, scenario, seed, passed, findings, steps } = rehearsal;
  const timesEnd = 62 + rehearsal.goodput.attempts.length * rowHeight;
  const stepsTop = timesEnd + 66;
  const height = stepsTop + attempts.length * rowHeight + 34;
  const verdict = passed ? 'nothing was lost, repeated or different' : `${findings.length} findings`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>Rehearsal of ${escapeXml(scenario)}: ${verdict}</title>`,
    `<style>${style}\n</style>`,
    `<text x="16" y="22">${escapeXml(scenario)}, seed ${seed}: <tspan${passed ? '' : ' class="failed"'}>${verdict}</tspan></text>`,
    `<text x="16" y="42" class="dim">${escapeXml(caption(rehearsal))}</text>`,
    ...drawTimes(rehearsal, timesEnd),
    ...drawLegend(timesEnd + 32),
    `<text x="16" y="${stepsTop - 8}">Steps, 0 to ${steps}</text>`,
    ...attempts.flatMap((attempt, row) => drawSteps(attempt, { y: stepsTop + row * rowHeight, steps })),
    '</svg>',
    '',
  ].join('\n');
}

function caption({ interruptions, stepsLost, steps, goodput, aloneSeconds }: Rehearsal): string {
  const share = goodput.goodput === null ? '' : `, goodput ${Math.round(goodput.goodput * 100)} %`;
  return `${interruptions} interruptions, ${steps} steps, ${stepsLost ?? '?'} of them made again${share}; ${round(goodput.wallSeconds)} s, alone ${round(aloneSeconds)} s`;
}

function drawTimes({ goodput, happenings }: Rehearsal, bottom: number): readonly string[] {
  const { attempts, wallSeconds, fromMs } = goodput;
  const scale = (width - left - right) / Math.max(0.001, wallSeconds);
  const acts = happenings.filter(({ of }) => of === 'machine');
  return [
    ...drawAxis(wallSeconds, bottom + 8),
    ...attempts.flatMap((attempt, row) => {
      const y = 52 + row * rowHeight;
      const x = left + Math.max(0, (attempt.fromMs - fromMs) / 1_000) * scale;
      return [label(attempt.instance.id, y), ...drawSeconds(attempt, { x, y, scale })];
    }),
    ...acts.map(({ atSeconds, what }) => {
      const x = round(left + Math.min(wallSeconds, Math.max(0, atSeconds)) * scale);
      return `<line x1="${x}" y1="48" x2="${x}" y2="${bottom - 6}" class="act"><title>${escapeXml(what)}</title></line>`;
    }),
  ];
}

function drawSeconds(
  { seconds }: AttemptGoodput,
  at: { readonly x: number; readonly y: number; readonly scale: number },
): readonly string[] {
  let { x } = at;
  return kinds.flatMap(([kind]) => {
    const long = seconds[kind] * at.scale;
    if (long <= 0) return [];
    const rect = `<rect x="${round(x)}" y="${at.y}" width="${round(Math.max(0.5, long))}" height="14" class="${kind}"/>`;
    x += long;
    return [rect];
  });
}

/** From the moment in which the job was submitted to its end. */
function drawAxis(wallSeconds: number, y: number): readonly string[] {
  return [
    `<text x="${left}" y="${y}" class="dim">0 s</text>`,
    `<text x="${width - right}" y="${y}" text-anchor="end" class="dim">${round(wallSeconds)} s</text>`,
  ];
}

function drawLegend(y: number): readonly string[] {
  const acts = left + kinds.length * legendWidth;
  return [
    ...kinds.flatMap(([kind, words], index) => {
      const x = left + index * legendWidth;
      return [
        `<rect x="${x}" y="${y - 10}" width="12" height="12" class="${kind}"/>`,
        `<text x="${x + 18}" y="${y}" class="dim">${words}</text>`,
      ];
    }),
    `<line x1="${acts + 6}" y1="${y - 11}" x2="${acts + 6}" y2="${y + 3}" class="act"/>`,
    `<text x="${acts + 18}" y="${y}" class="dim">done to a machine</text>`,
  ];
}

function drawSteps(
  { instanceId, fromStep, keptStep, toStep }: RehearsedAttempt,
  { y, steps }: { readonly y: number; readonly steps: number },
): readonly string[] {
  const xOf = (step: number): number =>
    left + (Math.min(step, steps) / Math.max(1, steps)) * (width - left - right);
  const bar = (from: number, to: number, kind: string): readonly string[] =>
    to <= from
      ? []
      : [
          `<rect x="${round(xOf(from))}" y="${y}" width="${round(Math.max(0.5, xOf(to) - xOf(from)))}" height="14" class="${kind}"/>`,
        ];
  return [
    label(instanceId, y),
    ...(fromStep === undefined ? [] : [...bar(fromStep, keptStep, 'kept'), ...bar(keptStep, toStep, 'lost')]),
  ];
}

function label(instanceId: string, y: number): string {
  return `<text x="${left - 10}" y="${y + 12}" text-anchor="end" class="dim">${escapeXml(instanceId.slice(0, 12))}</text>`;
}

/** Hundredths of a pixel are seen by nobody. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
