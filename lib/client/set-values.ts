import { parseJson } from '../base/parse-json.ts';

/**
 * The texts of `--set` as values. A default that is a text keeps the text as it was typed, so that `--set name=3` is a
 * name; anything else is JSON where it parses, else a text: the check of the parameters then says what was wanted.
 * @param defaults the program's parameters; null where they are not known
 */
export function parseSetValues(
  set: Readonly<Record<string, string>>,
  defaults: unknown,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(set).map(([path, text]) => [
      path,
      typeof at(defaults, path) === 'string' ? text : parseValue(text),
    ]),
  );
}

function parseValue(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/** The default that `optimizer.beta1` names, or undefined. */
function at(defaults: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, name)
          ? Reflect.get(value, name)
          : undefined,
      defaults,
    );
}
