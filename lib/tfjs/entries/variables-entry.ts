import type { Variable } from '@tensorflow/tfjs';
import { describe, type Wanted } from '../saved-entry.ts';
import { tensorOf } from '../saved-tensor.ts';
import { storedDtype } from '../tensor-data.ts';
import type { Entry } from './entry.ts';
import type { EntryContext } from './entry-context.ts';

/** One variable or several. Those without a name of their own are numbered by their place. */
export function variablesEntry(context: EntryContext, name: string, variables: readonly Variable[]): Entry {
  const { tf } = context;
  const named = (): readonly NamedVariable[] =>
    variables.map((variable, index) => ({
      variable,
      key: hasOwnName(variable) ? context.names().of(variable.name) : String(index),
    }));
  const wantedOf = ({ variable, key }: NamedVariable): Wanted => ({
    name: key,
    shape: variable.shape,
    dtype: storedDtype(variable.dtype, `${name}/${key}`),
  });
  return {
    name,
    kind: 'variables',
    weights: [],
    capture: () => ({
      tensors: named().map(({ variable, key }) => ({ name: key, tensor: variable })),
      document: {},
    }),
    plan(saved) {
      const planned = named().map((one) => ({ variable: one.variable, stored: saved.take(wantedOf(one)) }));
      return () => {
        for (const { variable, stored } of planned) {
          if (stored === undefined) continue;
          const value = tensorOf(tf, stored);
          variable.assign(value);
          value.dispose();
        }
      };
    },
    variables: () => variables,
    compatibility: () => ({
      tensors: Object.fromEntries(named().map((one) => [one.key, describe(wantedOf(one))])),
    }),
  };
}

interface NamedVariable {
  readonly variable: Variable;
  readonly key: string;
}

/** Automatic names are numbers that count everything made before: another process may count differently. */
function hasOwnName(variable: Variable): boolean {
  return !/^\d+$/.test(variable.name);
}
