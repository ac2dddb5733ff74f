import { fileURLToPath } from 'node:url';
import { UsageError } from './errors.ts';

/**
 * The folder that a `file:///dir` names, and its options in the query.
 * @throws UsageError for another scheme, a host, a relative path, or an option that is not among `known`
 */
export function parseFileUri(
  uri: string,
  known: readonly string[] = [],
): { readonly dir: string; readonly options: ReadonlyMap<string, string> } {
  const fail = (why: string, hint: string): UsageError => new UsageError(why, { facts: { uri }, hint });
  const example = 'Write it as file:///absolute/path.';
  // URL would quietly take file:x and file://./x for /x.
  if (!uri.startsWith('file:///')) throw fail('this is no absolute file URI.', example);
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || url.hash !== '')
    throw fail('this is no file URI.', `${example} A # is written %23.`);
  for (const name of url.searchParams.keys()) {
    if (!known.includes(name)) {
      const choice = known.length === 0 ? 'There are none.' : `Known are: ${known.join(', ')}.`;
      throw fail(`unknown option ${name} in a file URI.`, choice);
    }
  }
  return { dir: pathOf(url, fail), options: new Map(url.searchParams) };
}

function pathOf(url: URL, fail: (why: string, hint: string) => UsageError): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw fail('the path of this file URI cannot be a path here.', 'Leave out %2F and NUL.');
  }
}
