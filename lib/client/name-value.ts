import { UsageError } from '../base/errors.ts';

/**
 * `name=value` options as a record. The value is all that follows the first `=`, and may be empty.
 * @throws UsageError naming the option, for a text without `=` or a name given twice
 */
export function parseNameValues(texts: readonly string[], option: string): Readonly<Record<string, string>> {
  const values = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at < 1) {
      throw new UsageError(`${option} is not name=value: \`${text}\`.`, {
        hint: `Write ${option} name=value.`,
      });
    }
    const name = text.slice(0, at);
    if (values.has(name)) throw new UsageError(`${option} names \`${name}\` twice.`);
    values.set(name, text.slice(at + 1));
  }
  return Object.fromEntries(values);
}
