import { IncompatibleError } from '../base/errors.ts';
import type { StateEntryDocument } from '../contract/trainer-document.ts';
import type { Training } from '../training/define-training.ts';
import type { HeldFile, HeldState, RestoreOptions, SavedState, TrainingState } from '../training/state.ts';
import type { TensorFlow } from './backend.ts';
import type { Entry } from './entries/entry.ts';
import { ForgottenVariables } from './forgotten-variables.ts';
import { FileLayouts } from './file-layouts.ts';
import { fixedFile, HeldTensors } from './held-files.ts';
import { holdingMemory } from './holding-memory.ts';
import { omittedStates } from './omitted-states.ts';
import { type EngineFields, seenAs } from './private-fields.ts';
import { SavedEntry } from './saved-entry.ts';
import { type SavedTensor, savedTensors } from './saved-tensor.ts';
import { stateEntries } from './state-entries.ts';

export interface OpenStateOptions {
  /** Names of `state` that no snapshot holds. */
  readonly omit?: readonly string[] | undefined;
  /** Memory of the GPU that the native backend computes on, where known. */
  readonly gpuBytes?: number | undefined;
}

/**
 * Opens the state of a program as `setup` made it, before any step: the settings of optimizers are noted then.
 * @throws UserProgramError for state that cannot be saved, and for names to omit that it has not
 */
export function openState(
  tf: TensorFlow,
  state: Training['state'],
  { omit = [], gpuBytes }: OpenStateOptions = {},
): TrainingState {
  const entries = stateEntries(tf, state);
  const omitted = omittedStates(entries, omit);
  const saved = entries.filter(({ name }) => !omitted.has(name));
  const engine: EngineFields = seenAs(tf.engine());
  const forgotten = new ForgottenVariables(engine);
  const layouts = new FileLayouts();
  const hold = (): HeldState => holdEntries(saved, new HeldTensors(tf, layouts));
  // Holding everything once finds at the start what could not be saved later: names that clash, types, values.
  hold().release();
  return {
    omitted: [...omitted],
    hold,
    restore: (from, options = {}) => restoreEntries(entries, from, { ...options, omitted }),
    // What is omitted was left out on purpose, and is not forgotten.
    forgotten: () => forgotten.find(new Set(entries.flatMap((entry) => entry.variables()))),
    memory: () => holdingMemory(tf, gpuBytes),
    compatibility: () => ({
      state: Object.fromEntries(
        saved.map((entry) => [entry.name, { kind: entry.kind, ...entry.compatibility() }]),
      ),
    }),
  };
}

function holdEntries(entries: readonly Entry[], held: HeldTensors): HeldState {
  try {
    const files: HeldFile[] = [];
    const documents: Record<string, StateEntryDocument> = {};
    for (const entry of entries) {
      const { name, kind, topology } = entry;
      const { tensors, document } = entry.capture();
      const file = `${name}.safetensors`;
      const topologyFile = `${name}.topology.json`;
      if (tensors.length > 0) files.push(held.file(file, tensors));
      if (topology !== undefined) files.push(fixedFile(topologyFile, topology));
      documents[name] = {
        kind,
        ...(tensors.length > 0 && { file }),
        ...(topology !== undefined && { topology: topologyFile }),
        ...document,
      };
    }
    return { entries: documents, files, release: () => held.release() };
  } catch (error) {
    held.release();
    throw error;
  }
}

interface Restoring extends RestoreOptions {
  readonly omitted: ReadonlySet<string>;
}

function restoreEntries(entries: readonly Entry[], saved: SavedState, options: Restoring): void {
  const differences: string[] = [];
  const files = tensorsOf(saved);
  const elsewhere = (name: string): SavedTensor | undefined => {
    const slash = name.indexOf('/');
    return files.get(name.slice(0, slash))?.get(name.slice(slash + 1));
  };
  const { migrate, omitted, say = () => {} } = options;
  const actions = entries.map((entry) => {
    const { name } = entry;
    const document = saved.entries[name];
    if (document === undefined && omitted.has(name)) {
      return () => say(`state ${name} is as \`setup\` made it: this job omits it from its checkpoints.`);
    }
    if (document === undefined && migrate === undefined && saved.omitted?.includes(name) === true) {
      differences.push(`${name} was omitted from the checkpoint, and is not omitted here`);
      return () => {};
    }
    if (document !== undefined && document.kind !== entry.kind) {
      differences.push(`${name} is ${inWords(entry.kind)} here, ${inWords(document.kind)} in the checkpoint`);
      return () => {};
    }
    const tensors = files.get(name) ?? new Map<string, SavedTensor>();
    const one = new SavedEntry({ name, document, tensors, elsewhere, migrate, differences });
    const action = entry.plan(one);
    one.finish();
    if (!omitted.has(name)) return action;
    return () => {
      action();
      say(`state ${name} was restored, for this checkpoint has it; this job omits it from the next ones.`);
    };
  });
  const known = new Set(entries.map(({ name }) => name));
  for (const name of Object.keys(saved.entries)) {
    if (!known.has(name) && migrate === undefined)
      differences.push(`${name} is in the checkpoint, not in the program`);
  }
  if (differences.length > 0) {
    throw new IncompatibleError('the checkpoint does not fit the program:', differences, {
      hint: 'Restore the program as it was, or say in `migrate` what to take for each tensor.',
    });
  }
  for (const action of actions) action();
}

function tensorsOf(saved: SavedState): ReadonlyMap<string, ReadonlyMap<string, SavedTensor>> {
  return new Map(
    Object.entries(saved.entries).flatMap(([name, { file }]) =>
      file === undefined ? [] : [[name, savedTensors(saved.file(file), file)]],
    ),
  );
}

function inWords(kind: StateEntryDocument['kind']): string {
  return kind === 'alias' ? 'a second name of another state' : kind;
}
