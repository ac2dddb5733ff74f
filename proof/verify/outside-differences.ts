import type { Trace, TracedLook } from './trace/read-traces.ts';
import type { Seen } from './trace/trace-record.ts';

/** A value beside `state` that two processes have otherwise at the same step. */
export interface OutsideDifference {
  /** `calls`, `reader.#next`, `batches.position`. */
  readonly name: string;
  readonly expected: Seen | undefined;
  readonly found: Seen | undefined;
  /** The same things in another order. */
  readonly isReordered: boolean;
  /**
   * Training changes it, and the resumed process has it otherwise as soon as it begins: it was forgotten. Else it was made
   * once, and made otherwise.
   */
  readonly isForgotten: boolean;
}

/** The process that was left alone, as far as the notes tell: the one that went furthest from a fresh start in its own surroundings. */
export function referenceOf(traces: readonly Trace[]): Trace | undefined {
  return traces
    .filter(({ disturbed, resumed }) => !disturbed && !resumed)
    .toSorted((one, other) => lastStep(other) - lastStep(one))[0];
}

/** What `trace` has otherwise than `reference` where it begins. */
export function outsideDifferences(reference: Trace, trace: Trace): readonly OutsideDifference[] {
  const began = trace.looks.find(({ when }) => when === 'began');
  if (began === undefined) return [];
  const atThatStep = reference.looks.filter(({ step, when }) => step === began.step && when !== 'set-up');
  if (atThatStep.length === 0) return [];
  const names = new Set([...atThatStep.flatMap(({ values }) => [...values.keys()]), ...began.values.keys()]);
  return [...names].flatMap((name) => {
    const found = began.values.get(name);
    // An evaluation may have changed it at this step, before or after the checkpoint was taken.
    const possible = atThatStep.map(({ values }) => values.get(name));
    if (possible.some((one) => one?.digest === found?.digest)) return [];
    const expected = possible.at(-1);
    return [
      {
        name,
        expected,
        found,
        isReordered: isReordered(expected, found),
        isForgotten: trace.resumed && changes(reference.looks, name),
      },
    ];
  });
}

function changes(looks: readonly TracedLook[], name: string): boolean {
  return new Set(looks.map(({ values }) => values.get(name)?.digest)).size > 1;
}

function isReordered(one: Seen | undefined, other: Seen | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return (one.contents ?? one.digest) === (other.contents ?? other.digest);
}

function lastStep({ looks }: Trace): number {
  return looks.at(-1)?.step ?? -1;
}
