import type { Entry } from './entry.ts';

/** The same object under a second name: stored once, under `of`. */
export function aliasEntry(name: string, of: string): Entry {
  return {
    name,
    kind: 'alias',
    weights: [],
    capture: () => ({ tensors: [], document: { value: of } }),
    plan(saved) {
      const there = saved.document?.value;
      if (there === of) return () => {};
      if (!saved.keepsInitial(''))
        saved.differ(`${name} is the same object as ${of} here, not so in the checkpoint`);
      return () => {};
    },
    variables: () => [],
    compatibility: () => ({ of }),
  };
}
