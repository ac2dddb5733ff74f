import type { TrainerDocument } from '../contract/trainer-document.ts';
import type { FileDifference } from './diff-files.ts';

export interface ComparedSave {
  readonly steps: { readonly a: number; readonly b: number };
  readonly files: readonly FileDifference[];
  /** Of B, where it is a checkpoint of a TensorFlow.js job. */
  readonly document: TrainerDocument | undefined;
}

/** Kinds of state that training changes by itself; an optimizer's slots and plain values move also when nothing learns. */
const trainedKinds: ReadonlySet<string> = new Set(['model', 'layers', 'variables']);

/**
 * A save that wrote an earlier instant's tensors once more is the worst kind: all looks healthy until a resume. Warns
 * where the step is another one, and yet nothing that is trained differs.
 */
export function staleSaveWarning({ steps, files, document }: ComparedSave): string | undefined {
  if (steps.a === steps.b) return undefined;
  const looked = document === undefined ? filesOfProgram(files) : filesOfState(files, document);
  if (looked.length === 0) return undefined;
  const trained = document === undefined ? new Set<string>() : trainedNames(document);
  const differences = looked.flatMap((file) => changesIn(file));
  const isKnown = looked.some((file) => (file.tensors ?? []).some(({ name }) => trained.has(name)));
  const counted = isKnown
    ? differences.filter((name) => name === undefined || trained.has(name))
    : differences;
  if (counted.length > 0) return undefined;
  return (
    `step ${steps.a} and step ${steps.b} hold the same trained tensors, bit for bit: either nothing was learned ` +
    'between them (a learning rate of 0, everything frozen), or the program saved an older state again.'
  );
}

/** Names of what differs in a file; undefined stands for a file that is not known tensor by tensor. */
function changesIn(file: FileDifference): readonly (string | undefined)[] {
  if (file.change === 'unchanged') return [];
  if (file.tensors === null) return [undefined];
  return file.tensors.filter(({ kind }) => kind !== 'unchanged').map(({ name }) => name);
}

function filesOfState(
  files: readonly FileDifference[],
  { state }: TrainerDocument,
): readonly FileDifference[] {
  return files.filter(({ state: name }) => name !== null && trainedKinds.has(state[name]?.kind ?? ''));
}

/** Of any other program the tensors say it, where its files are known by tensors; counters and logs beside them always change. */
function filesOfProgram(files: readonly FileDifference[]): readonly FileDifference[] {
  const known = files.filter(({ isTensorFile }) => isTensorFile);
  return known.length > 0 ? known : files;
}

/** Variables that an optimizer is known to update; none where it keeps no slots. */
function trainedNames({ state }: TrainerDocument): ReadonlySet<string> {
  const names = Object.values(state).flatMap(({ optimizer }) => {
    if (optimizer === undefined) return [];
    const slots = Object.values(optimizer.slots).flat();
    // `conv1/kernel` of the slot `conv1/kernel/m`.
    const ofSlots = slots.map((slot) => slot.slice(0, Math.max(0, slot.lastIndexOf('/'))));
    return [...(optimizer.trains ?? []), ...ofSlots.filter((name) => name !== '')];
  });
  return new Set(names);
}
