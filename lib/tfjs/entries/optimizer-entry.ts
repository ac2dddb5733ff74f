import type { Optimizer } from '@tensorflow/tfjs';
import { OptimizerSlots } from '../optimizer-slots.ts';
import type { Entry } from './entry.ts';
import type { EntryContext } from './entry-context.ts';

/** An optimizer that stands alone in `state`. */
export function optimizerEntry(context: EntryContext, name: string, optimizer: Optimizer): Entry {
  const { tf, names } = context;
  const slots = new OptimizerSlots({ tf, optimizer, name, prefix: '', names });
  return {
    name,
    kind: 'optimizer',
    weights: [],
    capture() {
      const { tensors, document } = slots.capture();
      return { tensors, document: { optimizer: document } };
    },
    plan(saved) {
      const document = saved.document?.optimizer;
      if (document !== undefined) return slots.plan(document, saved);
      if (!saved.keepsInitial('')) saved.differ(`${name}: the checkpoint has no optimizer of this name`);
      return () => {};
    },
    variables: () => slots.variables(),
    compatibility: () => ({ optimizer: slots.compatibility() }),
  };
}
