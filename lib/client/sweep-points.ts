/** Which points a sweep has: a pure function of its document, so that the same file always means the same jobs. */
import { sha256Hex } from '../base/digest.ts';
import type { SweepDocument, SweepDraw, SweepValue } from '../contract/sweep-document.ts';
import { slugOf } from './job-name.ts';

export interface SweepPoint {
  /** Of the job that this point is. */
  readonly jobId: string;
  /** For people: tells its values. */
  readonly name: string;
  readonly values: Readonly<Record<string, SweepValue>>;
}

/** 60 bits: no two points of a store meet by chance. */
const idDigits = 15;
const idLengthMax = 63;
const nameLengthMax = 120;

/** All points, the grid's last parameter changing fastest, every draw at each of them. */
export function sweepPoints(sweep: SweepDocument & { readonly name: string }): readonly SweepPoint[] {
  const { name, from, program, seed, set, grid = {}, random } = sweep;
  const draws = random === undefined ? [{}] : drawsOf(random);
  return combinations(Object.entries(grid)).flatMap((fixed) =>
    draws.map((draw) => {
      const values = { ...fixed, ...draw };
      // What a job is follows from these alone: a value that is added to the file leaves all other points what they were.
      const identity = JSON.stringify([
        name,
        from ?? null,
        program ?? null,
        seed ?? null,
        sorted(set),
        sorted(values),
      ]);
      return {
        jobId: jobIdOf(name, sha256Hex(identity)),
        name: [name, ...Object.entries(values).map(([key, value]) => `${key}=${value}`)]
          .join(' ')
          .slice(0, nameLengthMax),
        values,
      };
    }),
  );
}

function jobIdOf(name: string, digest: string): string {
  const suffix = digest.slice(0, idDigits);
  const slug = slugOf(name)
    .slice(0, idLengthMax - idDigits - 1)
    .replaceAll(/-+$/g, '');
  return `${slug === '' ? 'sweep' : slug}-${suffix}`;
}

function combinations(
  grid: ReadonlyArray<readonly [string, readonly SweepValue[]]>,
): ReadonlyArray<Readonly<Record<string, SweepValue>>> {
  return grid.reduce<ReadonlyArray<Readonly<Record<string, SweepValue>>>>(
    (points, [name, values]) =>
      points.flatMap((point) => values.map((value) => ({ ...point, [name]: value }))),
    [{}],
  );
}

function drawsOf({
  count,
  seed,
  params,
}: NonNullable<SweepDocument['random']>): ReadonlyArray<Readonly<Record<string, SweepValue>>> {
  return Array.from({ length: count }, (_, index) =>
    Object.fromEntries(
      // Of seed, parameter and number alone: more draws, or another parameter, change none that was there before.
      Object.entries(params).map(([name, draw]) => [
        name,
        drawn(draw, fractionOf(`${seed}/${name}/${index}`)),
      ]),
    ),
  );
}

/** Four digits tell any two draws that matter apart, and read well. */
const digits = 4;

function drawn(draw: SweepDraw, fraction: number): SweepValue {
  if ('choice' in draw) return draw.choice[Math.floor(fraction * draw.choice.length)] ?? '';
  if ('uniform' in draw) return within(draw.uniform, (low, high) => low + fraction * (high - low));
  return within(draw.log, (low, high) => low * (high / low) ** fraction);
}

function within([low, high]: readonly [number, number], draw: (low: number, high: number) => number): number {
  return Math.min(high, Math.max(low, Number(draw(low, high).toPrecision(digits))));
}

/** A number in [0, 1) of 48 bits, from a text. */
function fractionOf(text: string): number {
  return Number.parseInt(sha256Hex(text).slice(0, 12), 16) / 2 ** 48;
}

function sorted(values: Readonly<Record<string, SweepValue>>): ReadonlyArray<readonly [string, SweepValue]> {
  return Object.entries(values).toSorted(([one], [other]) => (one < other ? -1 : 1));
}
