/** Whether a checkpoint fits a program, told in words that a person can act on. */

/**
 * Differences that change nothing about what the state means: results may differ in the last bits, or the program was
 * edited. Said, never refused.
 */
const warnOnly: ReadonlySet<string> = new Set(['backend', 'versions', 'arch', 'gpu', 'flags', 'program']);

/** More lines than this help nobody: a changed architecture differs everywhere. */
const differencesMax = 50;

/**
 * Differences between the compatibility document of a checkpoint and that of a program, for which a resume is refused.
 * One line each, the path of names first: `tensor model/dense/kernel: shape [784,10] in the checkpoint, [784,20] in the
 * program`. Arrays of named things are compared by name, so that order and additions do not hide what changed.
 * Keys that only deserve a warning are left to `compatibilityWarnings`. Empty when they fit.
 */
export function compareCompatibility(
  saved: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
  sides: Sides = checkpointAndProgram,
): readonly string[] {
  return limited(differencesOf(without(saved), without(wanted), { path: [], sides }));
}

/** What the two documents are called in a line. */
export interface Sides {
  readonly saved: string;
  readonly wanted: string;
}

const checkpointAndProgram: Sides = { saved: 'the checkpoint', wanted: 'the program' };

/** Differences in backend, versions, machine and program: worth a line in the log, no reason to refuse. */
export function compatibilityWarnings(
  saved: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): readonly string[] {
  return limited(differencesOf(only(saved), only(wanted), { path: [], sides: checkpointAndProgram }));
}

type Document = Readonly<Record<string, unknown>>;
/** Names on the way to a value. */
type Path = readonly string[];

interface Place {
  readonly path: Path;
  readonly sides: Sides;
}

function differencesOf(saved: unknown, wanted: unknown, place: Place): readonly string[] {
  const { path, sides } = place;
  if (saved === undefined && wanted === undefined) return [];
  if (wanted === undefined) return [`${labelOf(path)}: only in ${sides.saved}${remark(saved)}`];
  if (saved === undefined) return [`${labelOf(path)}: only in ${sides.wanted}${remark(wanted)}`];
  if (isStringList(saved) && isStringList(wanted)) return compareNames(saved, wanted, place);
  const [left, right] = [byName(saved), byName(wanted)];
  if (left === undefined || right === undefined || Array.isArray(saved) !== Array.isArray(wanted)) {
    return compareValues(saved, wanted, place);
  }
  const keys = new Set([...left.keys(), ...right.keys()]);
  return [...keys].flatMap((key) =>
    differencesOf(left.get(key), right.get(key), { sides, path: [...path, key] }),
  );
}

function compareValues(saved: unknown, wanted: unknown, { path, sides }: Place): readonly string[] {
  if (JSON.stringify(saved) === JSON.stringify(wanted)) return [];
  return [`${labelOf(path)}: ${show(saved)} in ${sides.saved}, ${show(wanted)} in ${sides.wanted}`];
}

function compareNames(saved: readonly string[], wanted: readonly string[], place: Place): readonly string[] {
  const { path, sides } = place;
  const gone = saved.filter((name) => !wanted.includes(name));
  const added = wanted.filter((name) => !saved.includes(name));
  if (gone.length === 0 && added.length === 0) {
    const isSame = saved.length === wanted.length && saved.every((name, index) => name === wanted[index]);
    return isSame ? [] : [`${labelOf(path)}: the same names in another order or number`];
  }
  return [
    ...gone.map((name) => `${labelOf(path)}: \`${name}\` only in ${sides.saved}`),
    ...added.map((name) => `${labelOf(path)}: \`${name}\` only in ${sides.wanted}`),
  ];
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
}

function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The members of a document, or of a list of named things by their names; undefined for any other value. */
function byName(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (isDocument(value)) return new Map(Object.entries(value));
  if (!Array.isArray(value)) return undefined;
  const named = new Map<string, unknown>();
  for (const item of value as readonly unknown[]) {
    if (!isDocument(item)) return undefined;
    const { name, ...rest } = item;
    if (typeof name !== 'string' || named.has(name)) return undefined;
    named.set(name, rest);
  }
  return named;
}

/** Folders of the document that say nothing to a person. */
const silentNames: ReadonlySet<string> = new Set(['state', 'tensors']);
/** Fields whose values speak for themselves. */
const silentFields: ReadonlySet<string> = new Set(['shape', 'dtype']);

function labelOf(path: Path): string {
  const names = path.filter((name) => !silentNames.has(name));
  if (path.includes('tensors')) {
    return `tensor \`${names.filter((name, index) => index < names.length - 1 || !silentFields.has(name)).join('/')}\``;
  }
  const optimizer = names.indexOf('optimizer');
  if (optimizer >= 0) {
    const owner = names.slice(0, optimizer).join('.');
    return `${names.slice(optimizer).join(' ')}${owner === '' ? '' : ` of \`${owner}\``}`;
  }
  return `\`${names.join('.')}\``;
}

/** What is known of a thing that one side lacks. */
function remark(value: unknown): string {
  if (!isDocument(value)) return ` (${show(value)})`;
  const facts = [value['shape'], value['dtype']].filter((fact) => fact !== undefined).map(show);
  return facts.length === 0 ? '' : ` (${facts.join(' ')})`;
}

/** Longer values are cut: a line is to be read. */
const shownMax = 80;

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`;
}

function without(document: Document): Document {
  return Object.fromEntries(Object.entries(document).filter(([key]) => !warnOnly.has(key)));
}

function only(document: Document): Document {
  return Object.fromEntries(Object.entries(document).filter(([key]) => warnOnly.has(key)));
}

function limited(lines: readonly string[]): readonly string[] {
  if (lines.length <= differencesMax) return lines;
  return [...lines.slice(0, differencesMax), `and ${lines.length - differencesMax} more differences`];
}
