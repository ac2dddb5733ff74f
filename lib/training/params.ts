import { messageOf, UsageError } from '../base/errors.ts';
import { nearestName } from './nearest-name.ts';

/** Values that a person sets: `{ learningRate: 3e-4 }`, nested or with a path as name: `{ 'optimizer.beta1': 0.5 }`. */
export type Overrides = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, unknown>>;

/**
 * The parameters that `setup` gets: the program's defaults with what a person set, or what the program's schema makes of it.
 * @throws UsageError that names the field: unknown (with the nearest name), or of another type than its default
 */
export function resolveParams(definition: unknown, overrides: Overrides): unknown {
  const nested = nest(overrides);
  if (isSchema(definition)) return parseWith(definition, nested);
  if (definition !== undefined && !isFields(definition))
    throw new UsageError('the `params` of the program are neither an object nor a schema.');
  return merge(definition ?? {}, nested, '');
}

/** Parameters without overrides; null where a schema demands values. */
export function defaultParams(definition: unknown): unknown {
  try {
    return resolveParams(definition, {});
  } catch (error) {
    if (isSchema(definition) && error instanceof UsageError) return null;
    throw error;
  }
}

export function isSchema(definition: unknown): definition is { parse(value: unknown): unknown } {
  return (
    typeof definition === 'object' &&
    definition !== null &&
    'parse' in definition &&
    typeof definition.parse === 'function'
  );
}

function isFields(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Turns `{ 'a.b': 1 }` into `{ a: { b: 1 } }`. */
function nest(overrides: Overrides): Fields {
  const root: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(overrides)) {
    const names = path.split('.');
    const last = names.pop() ?? path;
    let at = root;
    for (const name of names) {
      const inner = Object.hasOwn(at, name) ? at[name] : undefined;
      const fields: Record<string, unknown> = isFields(inner) ? { ...inner } : {};
      Object.defineProperty(at, name, {
        value: fields,
        enumerable: true,
        configurable: true,
        writable: true,
      });
      at = fields;
    }
    const both = isFields(at[last]) && isFields(value) ? { ...at[last], ...value } : value;
    Object.defineProperty(at, last, { value: both, enumerable: true, configurable: true, writable: true });
  }
  return root;
}

function merge(defaults: Fields, overrides: Fields, prefix: string): Fields {
  for (const name of Object.keys(overrides))
    if (!Object.hasOwn(defaults, name)) throw unknownParameter(prefix, name, Object.keys(defaults));
  return Object.fromEntries(
    Object.entries(defaults).map(([name, standard]) => {
      if (!Object.hasOwn(overrides, name)) return [name, standard];
      const path = `${prefix}${name}`;
      const value = overrides[name];
      if (isFields(standard) && isFields(value)) return [name, merge(standard, value, `${path}.`)];
      mustFit(path, value, standard);
      return [name, value];
    }),
  );
}

function mustFit(path: string, value: unknown, standard: unknown): void {
  // A default of null or undefined says nothing about the type.
  if (standard === null || standard === undefined) return;
  const [wanted, given] = [typeName(standard), typeName(value)];
  if (wanted !== given) throw wrongType(path, wanted, value);
  if (!Array.isArray(standard) || !Array.isArray(value) || standard.length === 0) return;
  value.forEach((item: unknown, at) => mustFit(`${path}.${at}`, item, standard[0]));
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number') return Number.isNaN(value) ? 'not a number' : 'a number';
  return typeof value === 'string' ? 'a text' : typeof value === 'boolean' ? 'true or false' : typeof value;
}

function wrongType(path: string, wanted: string, value: unknown): UsageError {
  return new UsageError(`parameter \`${path}\` must be ${wanted}, not ${shown(value)}.`, {
    hint: `Its default in the program is ${wanted}. Set it with --set ${path}=VALUE.`,
  });
}

function unknownParameter(prefix: string, name: string, known: readonly string[]): UsageError {
  const nearest = nearestName(name, known);
  const names = known.length === 0 ? 'none' : known.map((one) => `\`${prefix}${one}\``).join(', ');
  return new UsageError(
    `there is no parameter \`${prefix}${name}\`.${nearest === undefined ? '' : ` Did you mean \`${prefix}${nearest}\`?`}`,
    { hint: `Parameters of the program: ${names}.` },
  );
}

function parseWith(schema: { parse(value: unknown): unknown }, nested: Fields): unknown {
  let params: unknown;
  try {
    params = schema.parse(nested);
  } catch (cause) {
    throw new UsageError(schemaFault(cause), { cause });
  }
  // Schemas drop what they do not know, and a slip of the pen would train with the default.
  if (isFields(params)) {
    const dropped = Object.keys(nested).find((name) => !Object.hasOwn(params, name));
    if (dropped !== undefined) throw unknownParameter('', dropped, Object.keys(params));
  }
  return params;
}

/** zod, valibot and arktype list faults with their paths; any other error speaks for itself. */
function schemaFault(error: unknown): string {
  const issues: unknown =
    typeof error === 'object' && error !== null && 'issues' in error ? error.issues : undefined;
  const lines = (Array.isArray(issues) ? issues : []).flatMap((issue: unknown) => {
    if (!isFields(Object(issue)) && typeof issue !== 'object') return [];
    const { path, message } = { path: [], message: 'is not valid', ...Object(issue) };
    const names = (Array.isArray(path) ? path : []).map((part: unknown) =>
      String(typeof part === 'object' && part !== null && 'key' in part ? part.key : part),
    );
    return [`parameter \`${names.join('.') || 'params'}\`: ${String(message)}`];
  });
  return lines.length > 0
    ? lines.join('\n')
    : `the parameters do not fit the program's schema: ${messageOf(error)}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
