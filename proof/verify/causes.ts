import type { Divergence } from './divergence.ts';
import type { OutsideDifference } from './outside-differences.ts';
import type { ProgramSource } from './program-source.ts';
import { sourceKind } from './source-kinds.ts';
import type { TracedCall } from './trace/read-traces.ts';
import type { Seen } from './trace/trace-record.ts';

/** Something that explains a divergence: what it is, and what was seen of it with the way to mend it. */
export interface Cause {
  readonly component: string;
  readonly hint: string;
  /** Told only where nothing else was seen. */
  readonly isSlight?: boolean;
}

/** A list of names is read, not counted. */
const namesMax = 4;

interface Forgotten {
  readonly forgotten: readonly OutsideDifference[];
  /** Of the entries of `state`. */
  readonly kinds: Readonly<Record<string, string>>;
  readonly source: ProgramSource;
}

/** What training changed beside `state`, and a resumed process does not have: certain, so the first of all. */
export function causeOfForgotten({ forgotten, kinds, source }: Forgotten): readonly Cause[] {
  const isStateful = ({ name }: OutsideDifference): boolean => kinds[entryOf(name)] === 'Stateful';
  const part = (of: string): OutsideDifference | undefined =>
    forgotten.find(({ expected, found }) => (expected ?? found)?.part === of);
  const optimizer = part('optimizer');
  const recurrent = part('recurrent');
  const generator = part('generator');
  const stateful = forgotten.find(isStateful);
  const variables = forgotten.filter(
    (one) => !isStateful(one) && (one.expected ?? one.found)?.part === undefined,
  );
  return [
    ...(stateful === undefined ? [] : [ofStateful(stateful, source)]),
    ...(recurrent === undefined ? [] : [ofRecurrent(recurrent)]),
    ...(optimizer === undefined ? [] : [ofOptimizer(optimizer, source)]),
    ...(generator === undefined ? [] : [ofGenerator(generator, source)]),
    ...(variables.length === 0 ? [] : [ofVariables(variables, source)]),
  ];
}

function ofStateful(difference: OutsideDifference, source: ProgramSource): Cause {
  const { name, isReordered } = difference;
  const entry = entryOf(name);
  const field = name.slice(entry.length + 1);
  if (isReordered) {
    return {
      component: `the order of \`${field}\` in your Stateful \`${entry}\`${at(source, field)}`,
      hint: `\`load\` refills it in another order than it had: ${values(difference)}. Save pairs in their order, \`[...map]\`, and refill it from those; objects put keys that look like numbers first, in ascending order.`,
    };
  }
  return {
    component: `\`${field}\` of your Stateful \`${entry}\`${at(source, field)}`,
    hint: `${sentence(values(difference))}. Let \`save\` of \`${entry}\` return it as it is between two steps, and \`load\` set it.`,
  };
}

function ofRecurrent({ name }: OutsideDifference): Cause {
  const [, model = name, layer = name] = /^(.*?)\.([^.]+)\.states\[/.exec(name) ?? [];
  return {
    component: `the states of the recurrent layer \`${layer}\`, which are not in \`state\``,
    hint: `A resume begins with other states than training had. Return the model itself in \`state\`, \`state: { ${model}, … }\`: with it come its weights and the states of its stateful layers.`,
  };
}

function ofOptimizer(difference: OutsideDifference, source: ProgramSource): Cause {
  const { name } = difference;
  return {
    component: `the optimizer in \`${name}\`${at(source, name)}, which is replaced during training`,
    hint: `${sentence(values(difference))}: checkpoints hold what \`setup\` returned. Keep one optimizer and change it with \`setLearningRate\`, or make both in \`setup\`, return both in \`state\` and choose by \`step\`.`,
  };
}

function ofGenerator(difference: OutsideDifference, source: ProgramSource): Cause {
  const { name } = difference;
  const [iterator = name, ...rest] = name.split('.');
  return {
    component: `the position of the generator \`${iterator}\`${at(source, iterator)}`,
    hint: `A generator cannot be saved: its \`${rest.join('.')}\` ${wereAfterResume(difference)}. Use \`data\` with \`load(indices)\`, whose position belongs to the run, or keep the position in an object in \`state\`.`,
  };
}

function ofVariables(differences: readonly OutsideDifference[], source: ProgramSource): Cause {
  const [first] = differences;
  const names = differences.slice(0, namesMax).map(({ name }) => `\`${name}\`${at(source, lastOf(name))}`);
  const isOne = differences.length === 1;
  const field = lastOf(first?.name ?? '');
  return {
    component: `${isOne ? 'variable' : 'variables'} ${list(names)}, outside of \`state\``,
    hint: `${first === undefined ? '' : `${sentence(values(first))}. `}Keep ${isOne ? 'it' : 'them'} in an object that \`state\` holds, \`const kept = { ${field}: … }\` and \`state: { …, kept }\`, and change \`kept.${field}\`: a plain object is restored in place. What can be told from \`step\` and \`epoch\` needs no variable.`,
  };
}

/** The program would not go on. */
export function causeOfRefusal(
  { component, found }: Divergence,
  forgotten: readonly OutsideDifference[],
): readonly Cause[] {
  const isForgotten = /changed in training, but (?:is|are) not in the `state`/.test(found);
  if (!isForgotten) {
    return [{ component, hint: `The program would not go on: ${found}` }];
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

/** The `state` name that a path begins with. */
function entryOf(name: string): string {
  return name.split('.')[0] ?? name;
}

function lastOf(name: string): string {
  return name.replace(/#2$/, '').split('.').at(-1) ?? name;
}

function at(source: ProgramSource, name: string): string {
  const place = source.declarationOf(name);
  return place === undefined ? '' : ` (${place})`;
}

function values(difference: OutsideDifference): string {
  return `\`${lastOf(difference.name)}\` ${wereAfterResume(difference)}`;
}

function wereAfterResume({ expected, found }: OutsideDifference): string {
  return `was ${shown(expected)} in the run that was left alone and is ${shown(found)} after the resume`;
}

/** Also what a generator has before it is first asked. */
function shown(value: Seen | undefined): string {
  return value === undefined || value.shown === 'undefined' ? 'nothing yet' : value.shown;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function list(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}

/** A word that could stand in `state` for a variable called `ema/dense/kernel`. */
function stateName(tensor: string): string {
  return /^[A-Za-z]\w*/.exec(tensor)?.[0] ?? 'variables';
}
