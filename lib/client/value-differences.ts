/** One value in a checkpoint's documents that differs. A side that has none lacks the field. */
export interface ValueDifference {
  readonly section: ValueSection;
  /** Names on the way to it: `params.learningRate`. */
  readonly path: string;
  /** As JSON holds it; what JSON bends is tagged (docs/checkpoint-format.md). */
  readonly a?: unknown;
  readonly b?: unknown;
}

export type ValueSection = 'position' | 'parameters' | 'optimizer' | 'progress' | 'state' | 'runtime';

/** A list of other lengths, or longer than this, is one value: nobody reads it element by element. */
const listMax = 32;

/** Differences of two JSON values, leaf by leaf, in the order of A's names and then of what only B has. */
export function valueDifferences(
  a: unknown,
  b: unknown,
  at: { readonly section: ValueSection; readonly path: string },
): readonly ValueDifference[] {
  const [left, right] = [membersOf(a), membersOf(b)];
  const isList = Array.isArray(a) && Array.isArray(b);
  if (left === undefined || right === undefined || (isList && left.size !== right.size)) {
    if (JSON.stringify(a) === JSON.stringify(b)) return [];
    return [{ ...at, ...(a !== undefined && { a: brief(a) }), ...(b !== undefined && { b: brief(b) }) }];
  }
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((name) =>
    valueDifferences(left.get(name), right.get(name), {
      section: at.section,
      path: at.path === '' ? name : `${at.path}.${name}`,
    }),
  );
}

/** The members of an object or of a short list; undefined for what is one value. */
function membersOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value) && value.length > listMax) return undefined;
  // A tagged value, as NaN or a Map, means what its tag says.
  return '$' in value ? undefined : new Map(Object.entries(value));
}

/** Long lists are told by their length: a document of differences is to be read. */
function brief(value: unknown): unknown {
  return Array.isArray(value) && value.length > listMax ? `a list of ${value.length}` : value;
}
