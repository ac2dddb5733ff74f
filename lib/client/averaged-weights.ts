import { UsageError } from '../base/errors.ts';
import type { TensorFile } from '../checkpoint/compare-tensors.ts';
import type { TensorPlace } from '../contract/safetensors.ts';
import type { TrainerDocument } from '../contract/trainer-document.ts';
import type { PlacedWeight } from './layers-model.ts';

export interface AveragesOptions {
  readonly document: TrainerDocument;
  /** Of the state that holds the averages: variables, as `movingAverage(…).shadow`. */
  readonly name: string;
  /** Weights of the model, by name. */
  readonly model: ReadonlyMap<string, PlacedWeight>;
  readonly open: (path: string) => Promise<TensorFile>;
}

/** What `movingAverage` adds to the name of the variable that it follows. */
const averageSuffix = '/ema';

/**
 * Averages by the name of the weight that each stands for. Weights without one, as the statistics of batch normalisation,
 * stay the model's own.
 * @throws UsageError when a variable of that state stands for no weight of the model, or for the same one as another
 */
export async function averagedWeights(
  options: AveragesOptions,
): Promise<{ readonly weights: ReadonlyMap<string, PlacedWeight>; readonly notes: readonly string[] }> {
  const { document, name, model, open } = options;
  const entry = document.state[name];
  if (entry?.kind !== 'variables' || entry.file === undefined) {
    const there = Object.entries(document.state).filter(([, { kind }]) => kind === 'variables');
    throw new UsageError(`\`${name}\` is no state that holds variables.`, {
      hint:
        there.length === 0
          ? 'This checkpoint has none; leave --weights out.'
          : `Those that do: ${there.map(([one]) => one).join(', ')}.`,
    });
  }
  const { file, places } = await open(entry.file);
  const weights = new Map<string, PlacedWeight>();
  for (const [tensor, place] of places) {
    const weight = weightOf(tensor, model);
    const own = weight === undefined ? undefined : model.get(weight);
    if (weight === undefined || own === undefined || weights.has(weight) || !isAlike(own.place, place)) {
      throw new UsageError(`\`${tensor}\` of state \`${name}\` stands for no weight of the model.`, {
        hint: `Averages are called as their weights, with ${averageSuffix} behind, as movingAverage calls them.`,
      });
    }
    weights.set(weight, { file, place });
  }
  const kept = [...model.keys()].filter((weight) => !weights.has(weight));
  return {
    weights,
    notes:
      kept.length === 0 ? [] : [`not averaged in \`${name}\`, so taken from the model: ${kept.join(', ')}`],
  };
}

/** TensorFlow.js may have put a number behind the name of a variable, where an earlier one was called the same. */
function weightOf(tensor: string, model: ReadonlyMap<string, unknown>): string | undefined {
  const name = tensor.endsWith(averageSuffix) ? tensor.slice(0, -averageSuffix.length) : tensor;
  return [name, name.replace(/_\d+$/, '')].find((candidate) => model.has(candidate));
}

function isAlike(a: TensorPlace, b: TensorPlace): boolean {
  return a.dtype === b.dtype && JSON.stringify(a.shape) === JSON.stringify(b.shape);
}
