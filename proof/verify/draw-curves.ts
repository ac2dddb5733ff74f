/** Loss curves as a picture. Standalone SVG. */
import { escapeXml } from '../../lib/base/escape-xml.ts';
import { boundsOf, type CurvePoint, type LossCurves } from './loss-curves.ts';

const width = 880;
const height = 420;
const left = 64;
const right = 24;
const top = 64;
const bottom = 48;

/** Readable in light and dark: text and lines take the reader's colours, curves are of middle lightness. */
const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .dim { fill: #656d76 } .axis { stroke: #656d76; stroke-opacity: .35 }
  .alone { fill: none; stroke: #8c959f; stroke-width: 6; stroke-opacity: .55; stroke-linejoin: round }
  .interrupted { fill: none; stroke: #1a7f64; stroke-width: 1.6 } .second { stroke: #218bff }
  .killed { stroke: #bf8700; stroke-dasharray: 2 3 } .parted { stroke: #d1242f; stroke-width: 2 }
  .red { fill: #d1242f }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .dim { fill: #9198a1 } .red { fill: #ff7b72 } }`;

/** @param title what was verified, and how it ended */
export function drawCurves(curves: LossCurves, title: string): string {
  const { metric, reference, interrupted, killedAtSteps, divergedAtStep } = curves;
  const all = [...reference, ...interrupted.flat(2)];
  const scale = scaleOf(all);
  const parted = divergedAtStep === undefined ? undefined : round(scale.x(Math.max(1, divergedAtStep)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${style}\n</style>`,
    `<text x="16" y="24">${escapeXml(title)}</text>`,
    `<text x="16" y="44" class="dim">${escapeXml(metric)} by step; grey: left alone; thin lines: interrupted runs, process by process; dashed: a process is killed</text>`,
    ...axes(scale),
    ...[...new Set(killedAtSteps)].map((step) => {
      const x = round(scale.x(Math.max(1, step)));
      return `<line x1="${x}" y1="${top}" x2="${x}" y2="${height - bottom}" class="killed"/>`;
    }),
    pathOf(reference, scale, 'alone'),
    ...interrupted.flatMap((legs, run) =>
      legs.map((points) => pathOf(points, scale, run === 0 ? 'interrupted' : 'interrupted second')),
    ),
    ...(parted === undefined
      ? []
      : [
          `<line x1="${parted}" y1="${top}" x2="${parted}" y2="${height - bottom}" class="parted"/>`,
          `<text x="${parted + 6}" y="${top + 14}" class="red">step ${divergedAtStep}</text>`,
        ]),
    '</svg>',
    '',
  ].join('\n');
}

interface Scale {
  readonly steps: number;
  readonly least: number;
  readonly most: number;
  readonly x: (step: number) => number;
  readonly y: (value: number) => number;
}

function scaleOf(points: readonly CurvePoint[]): Scale {
  const bounds = boundsOf(points);
  const [least, most] = points.length === 0 ? [0, 1] : [bounds.least, bounds.most];
  // One step is a line all the same.
  const steps = Math.max(2, bounds.steps);
  const span = most === least ? 1 : most - least;
  return {
    steps,
    least,
    most,
    x: (step) => left + ((step - 1) / (steps - 1)) * (width - left - right),
    y: (value) => top + ((most - value) / span) * (height - top - bottom),
  };
}

function axes({ steps, least, most, y }: Scale): readonly string[] {
  const end = height - bottom;
  return [
    `<line x1="${left}" y1="${end}" x2="${width - right}" y2="${end}" class="axis"/>`,
    `<line x1="${left}" y1="${top}" x2="${left}" y2="${end}" class="axis"/>`,
    `<text x="${left - 8}" y="${round(y(most)) + 4}" text-anchor="end" class="dim">${most.toPrecision(3)}</text>`,
    `<text x="${left - 8}" y="${round(y(least)) + 4}" text-anchor="end" class="dim">${least.toPrecision(3)}</text>`,
    `<text x="${left}" y="${end + 20}" class="dim">1</text>`,
    `<text x="${width - right}" y="${end + 20}" text-anchor="end" class="dim">step ${steps}</text>`,
  ];
}

function pathOf(points: readonly CurvePoint[], { x, y }: Scale, className: string): string {
  const places = points.map(({ step, value }) => `${round(x(step))},${round(y(value))}`);
  return `<polyline points="${places.join(' ')}" class="${className}"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
