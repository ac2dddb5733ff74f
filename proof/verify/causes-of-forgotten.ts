import type { Cause } from './causes.ts';
import {
  declaredAt,
  entryOf,
  lastOf,
  list,
  sentence,
  valuesInWords,
  wereAfterResume,
} from './difference-words.ts';
import type { OutsideDifference } from './outside-differences.ts';
import type { ProgramSource } from './program-source.ts';

/** A list of names is read, not counted. */
const namesMax = 4;

export interface Forgotten {
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
  const layer = part('layer');
  const stateful = forgotten.find(isStateful);
  const variables = forgotten.filter(
    (one) => !isStateful(one) && (one.expected ?? one.found)?.part === undefined,
  );
  return [
    ...(stateful === undefined ? [] : [ofStateful(stateful, source)]),
    ...(layer === undefined ? [] : [ofLayer(layer, source)]),
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
      component: `the order of \`${field}\` in your Stateful \`${entry}\`${declaredAt(source, field)}`,
      hint: `\`load\` refills it in another order than it had: ${valuesInWords(difference)}. Save pairs in their order, \`[...map]\`, and refill it from those; objects put keys that look like numbers first, in ascending order.`,
    };
  }
  return {
    component: `\`${field}\` of your Stateful \`${entry}\`${declaredAt(source, field)}`,
    hint: `${sentence(valuesInWords(difference))}. Let \`save\` of \`${entry}\` return it as it is between two steps, and \`load\` set it.`,
  };
}

function ofLayer(difference: OutsideDifference, source: ProgramSource): Cause {
  const { name } = difference;
  const field = lastOf(name);
  const layer = name.slice(0, -field.length - 1);
  return {
    component: `\`${field}\` of the layer \`${layer}\`${declaredAt(source, field)}, outside of \`state\``,
    hint: `${sentence(valuesInWords(difference))}: a checkpoint holds weights of layers, and no other fields. Keep it in an object that \`state\` holds and that the layer is given, or make it a weight. What a layer draws without a seed of its own, within \`step\`, is a function of the seed of the run and of the step.`,
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
    component: `the optimizer in \`${name}\`${declaredAt(source, name)}, which is replaced during training`,
    hint: `${sentence(valuesInWords(difference))}: checkpoints hold what \`setup\` returned. Keep one optimizer and change it with \`setLearningRate\`, or make both in \`setup\`, return both in \`state\` and choose by \`step\`.`,
  };
}

function ofGenerator(difference: OutsideDifference, source: ProgramSource): Cause {
  const { name } = difference;
  const [iterator = name, ...rest] = name.split('.');
  return {
    component: `the position of the generator \`${iterator}\`${declaredAt(source, iterator)}`,
    hint: `A generator cannot be saved: its \`${rest.join('.')}\` ${wereAfterResume(difference)}. Use \`data\` with \`load(indices)\`, whose position belongs to the run, or keep the position in an object in \`state\`.`,
  };
}

/** Of an object with functions of its own. */
function itselfAdvice(owner: string): string {
  return `Or give \`${owner}\` a \`save\` and a \`load\`, and return it in \`state\` itself.`;
}

function ofVariables(differences: readonly OutsideDifference[], source: ProgramSource): Cause {
  const [first] = differences;
  const names = differences
    .slice(0, namesMax)
    .map(({ name }) => `\`${name}\`${declaredAt(source, lastOf(name))}`);
  const isOne = differences.length === 1;
  const fields = differences.slice(0, namesMax).map(({ name }) => lastOf(name));
  const field = fields[0] ?? '';
  const asItself = first?.name.includes('.') === true ? ` ${itselfAdvice(entryOf(first.name))}` : '';
  return {
    component: `${isOne ? 'variable' : 'variables'} ${list(names)}, outside of \`state\``,
    hint: `${first === undefined ? '' : `${sentence(valuesInWords(first))}. `}Keep ${isOne ? 'it' : 'them'} in an object that \`state\` holds, \`const kept = { ${fields.map((one) => `${one}: …`).join(', ')} }\` and \`state: { …, kept }\`, and change \`kept.${field}\`: a plain object is restored in place.${asItself} What can be told from \`step\` and \`epoch\` needs no variable.`,
  };
}
