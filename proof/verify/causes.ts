import { basename } from 'node:path';
import type { Divergence } from './divergence.ts';
import type { Forgotten } from './causes-of-forgotten.ts';
import { declaredAt, lastOf, sentence, shown, valuesInWords } from './difference-words.ts';
import { refusesForgottenState } from './divergence-of-failure.ts';
import type { OutsideDifference } from './outside-differences.ts';
import type { ProgramSource } from './program-source.ts';
import { sourceKind } from './source-kinds.ts';
import type { TracedCall, TracedFile } from './trace/read-traces.ts';

/** Something that explains a divergence: what it is, and what was seen of it with the way to mend it. */
export interface Cause {
  readonly component: string;
  readonly hint: string;
  /** Told only where nothing else was seen. */
  readonly isSlight?: boolean;
}

/** The program would not go on, and nothing else was seen that explains it. */
function ofFailure({ component, found }: Divergence): Cause {
  return {
    component,
    hint: `Left alone it goes on. Look for what it needs and a resume does not bring: what only a fresh start makes, what \`load\` does not set, files that training writes. It said: ${found}`,
  };
}

/** What a resumed process has otherwise than any other, though training never changes it: `resuming` in `setup`, for example. */
function ofMade(made: OutsideDifference, source: ProgramSource): Cause {
  const field = lastOf(made.name);
  return {
    component: `variable \`${made.name}\`${declaredAt(source, field)}, which is another one after a resume`,
    hint: `${sentence(valuesInWords(made))}. Make it in \`setup\` whether or not it resumes, or keep it in an object in \`state\`.`,
  };
}

function isEmpty(text: string): boolean {
  return /^(?:undefined|null|\[\]|(?:Map |Set )?\{\})$/.test(text);
}

/** The program would not go on. */
export function causeOfRefusal(
  divergence: Divergence,
  { forgotten, made, source }: Omit<Forgotten, 'kinds'> & { readonly made: readonly OutsideDifference[] },
): readonly Cause[] {
  const { component, failure } = divergence;
  if (failure === undefined || !refusesForgottenState(failure)) {
    // What Holdfast lists is what there is; an error of the program follows from something.
    if (failure?.cause === 'incompatible') return [ofFailure(divergence)];
    if (forgotten.length > 0) return [];
    const missing = made.find(({ found }) => found === undefined || isEmpty(found.shown));
    return [...(missing === undefined ? [] : [ofMade(missing, source)]), ofFailure(divergence)];
  }
  if (forgotten.some(({ expected, found: other }) => (expected ?? other)?.part === 'optimizer')) return [];
  const tensor = component.replace(/ \[[\d, ]*\]$/, '');
  return [
    {
      component: `tensor \`${tensor}\`, which is not in \`state\``,
      hint: `It changes in training, and a resume would lose it. Return the \`tf.Variable\`, or the list that it is in, under a name of its own: \`state: { …, ${stateName(tensor)} }\`. For averages of weights there is \`movingAverage\`.`,
    },
  ];
}

/** What was saved came back as something else. */
export function causeOfRestored({ component }: Divergence, kinds: Readonly<Record<string, string>>): Cause {
  const entry = Object.keys(kinds).find(
    (name) =>
      component === name || (/^[./]/.test(component.slice(name.length)) && component.startsWith(name)),
  );
  const part = entry === undefined ? '' : component.slice(entry.length + 1);
  const kind = entry === undefined ? undefined : kinds[entry];
  if (kind === 'Stateful') {
    return {
      component: `${part === '' ? '' : `\`${part}\` of `}your Stateful \`${entry}\``,
      hint: `\`load\` does not bring it back: \`save\` gives another value right after \`load\` than it gave for the checkpoint. \`load\` must set everything that \`save\` returns, and \`save\` must change nothing.`,
    };
  }
  return {
    component: `\`${part}\` of ${kind ?? 'state'} \`${entry ?? component}\``,
    hint: 'It is another value right after the resume than in the checkpoint, before any step. Something changes it between two steps: a `load` of another entry, a timer, an event.',
  };
}

const phaseWords: Readonly<Record<TracedCall['phase'], string>> = {
  importing: 'while the program is imported',
  setup: 'in `setup`',
  load: 'in `load`',
  step: 'in `step`',
  evaluate: 'in `evaluate`',
  between: 'between steps',
};

/** The value that is declared where this was asked, if it is another one now. */
export function madeBy(
  { places }: TracedCall,
  source: ProgramSource,
  made: readonly OutsideDifference[],
): OutsideDifference | undefined {
  const where = source.placeOf(places);
  return where === undefined
    ? undefined
    : made.find(({ name }) => source.declarationOf(lastOf(name)) === where);
}

/**
 * Files that the program writes and reads again, wherever that is: another machine does not have them, or has those of
 * another run. To ask whether one exists, or how large it is, tells less than to read it.
 */
export function causesOfFiles(files: readonly TracedFile[], source: ProgramSource): readonly Cause[] {
  const written = new Map(files.filter(({ isWritten }) => isWritten).map((file) => [file.path, file]));
  const asked = files.filter(({ isWritten, path }) => !isWritten && written.has(path));
  const first = new Map<string, TracedFile>();
  for (const file of asked.toSorted((one, other) => Number(isRead(other)) - Number(isRead(one))))
    if (!first.has(basename(file.path))) first.set(basename(file.path), file);
  return [...first].map(([name, file]) => {
    const [where, from] = [file, written.get(file.path)].map((one) => one && source.placeOf(one.places));
    return {
      component: `\`${file.source}\`${where === undefined ? '' : ` at ${where}`}, ${phaseWords[file.phase]}, of the file \`${name}\`, which the program itself writes`,
      hint: `It is written${from === undefined ? '' : ` at ${from}`} and is no part of a checkpoint: the next machine does not have it, or has that of another run. Keep what is needed of it in an object in \`state\`; write files for people, and never read them back.`,
    };
  });
}

/**
 * Of the files that one process touched, those that may carry something from one process to the next. What is written in
 * `setup` before anybody reads it is made anew each time.
 */
export function carriedFiles(files: readonly TracedFile[]): readonly TracedFile[] {
  const isMadeAnew = (path: string): boolean => {
    const of = files.filter((file) => file.path === path);
    const firstWrite = of.findIndex(({ isWritten }) => isWritten);
    const isInTraining = of.some(
      ({ isWritten, phase }) => isWritten && !['importing', 'setup'].includes(phase),
    );
    return firstWrite !== -1 && !isInTraining && !of.slice(0, firstWrite).some(isRead);
  };
  return files.filter(({ path }) => !isMadeAnew(path));
}

function isRead({ source }: TracedFile): boolean {
  return /readFile|open|ReadStream/.test(source);
}

/** The program asked the machine. `made`: values that came of what was asked before training, and are others now. */
export function causeOfCall(
  call: TracedCall,
  source: ProgramSource,
  made: readonly OutsideDifference[] = [],
): Cause {
  const { source: asked, phase, places } = call;
  const where = source.placeOf(places);
  const of = madeBy(call, source, made) ?? made[0];
  const result =
    of === undefined
      ? ''
      : `What comes of it, \`${of.name}\`, is ${shown(of.expected)} in one process and ${shown(of.found)} in the other. `;
  return {
    component: `\`${asked}\`${where === undefined ? '' : ` at ${where}`}, ${phaseWords[phase]}`,
    hint: `${result}${advice(asked, phase)}`,
    // Paths and names of machines are asked for by most programs.
    isSlight: sourceKind(asked) === 'machine' && ['importing', 'setup'].includes(phase),
  };
}

function advice(asked: string, phase: TracedCall['phase']): string {
  switch (sourceKind(asked)) {
    case 'chance':
      return chanceAdvice(asked, phase);
    case 'order':
      return 'No order of a listing is promised, and on another machine it is another. Sort it before anything depends on it: `.toSorted()`.';
    case 'clock':
      return 'A resumed run comes later, on another clock. Let schedules depend on `step` and `epoch`, as `cosine` does; time that must count belongs into an object in `state`.';
    case 'machine':
      return 'It is another on another machine. Take it from `params` or `inputs`, or ask once and keep the answer in an object in `state`.';
  }
}

function chanceAdvice(asked: string, phase: TracedCall['phase']): string {
  const ownChance =
    'Draw from `rng`, which `setup`, `load`, `step` and `evaluate` are given: what it gives is a function of the seed and the step.';
  if (!asked.startsWith('Math')) return `No seed reaches it: each process draws something else. ${ownChance}`;
  if (phase === 'importing')
    return `The run's own chance is not there yet when a program is imported. ${ownChance}`;
  if (phase === 'between') return `It is called outside of the program's functions. ${ownChance}`;
  return `It was kept from before \`setup\`, and so is not the run's own chance: draws from an unsaved source. ${ownChance}`;
}

/** Where nothing was seen that could explain it. */
export function unknownCause({ kind, component, expected, found, after }: Divergence): Cause {
  const what: Readonly<Record<Divergence['kind'], string>> = {
    refused: `\`${component}\``,
    'restored-state': `\`${component}\` of \`state\``,
    examples: 'the examples of the batch',
    metric: `the metric \`${component}\``,
    evaluation: `the metric \`${component}\` of \`evaluate\``,
    state: `\`${component}\` of \`state\``,
    length: `the number of ${component}`,
  };
  return {
    component: what[kind],
    hint: `It was ${expected} without an interruption, and ${found} after ${after}, from equal state and examples. Look for what the step reads that \`state\` does not hold: variables of a package, files that training writes, results that depend on which of two asynchronous works ends first.`,
  };
}

/** A word that could stand in `state` for a variable called `ema/dense/kernel`. */
function stateName(tensor: string): string {
  return /^[A-Za-z]\w*/.exec(tensor)?.[0] ?? 'variables';
}
