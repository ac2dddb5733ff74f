/** Faults that are planted in the product on purpose, as texts of its source, to see whether the simulation notices. */

/** One place in one file. `find` must stand there exactly once: a mutation whose text has gone says so instead of doing nothing. */
export interface Patch {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutation {
  readonly name: string;
  /** What the product does wrong then. */
  readonly what: string;
  readonly patches: readonly Patch[];
  /** A history that shows it, tried first. Where another one does as well by now, the hunt only takes longer. */
  readonly seed: number;
  /** Rules of which at least one must notice. */
  readonly caughtBy: readonly string[];
}

/**
 * The source with the patches of its file in it.
 * @throws when a text does not stand there exactly once
 */
export function applyPatches(source: string, patches: readonly Patch[]): string {
  let patched = source;
  for (const { file, find, replace } of patches) {
    const times = patched.split(find).length - 1;
    if (times !== 1)
      throw new Error(`a mutation's text stands ${times} times in ${file}, not once:\n${find}`);
    patched = patched.replace(find, () => replace);
  }
  return patched;
}
