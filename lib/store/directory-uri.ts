import { UsageError } from '../base/errors.ts';
import { parseFileUri } from '../base/file-uri.ts';

export interface DirectoryAddress {
  readonly dir: string;
  /** Limit of all puts and gets together of one process; undefined for none. */
  readonly bytesPerSecond: number | undefined;
}

/**
 * Reads `file:///dir?bytesPerSecond=400000`.
 * @throws UsageError for what is not an absolute file URI, an unknown option, or a rate that is not a positive number
 */
export function parseDirectoryUri(uri: string): DirectoryAddress {
  const { dir, options } = parseFileUri(uri, ['bytesPerSecond']);
  const rate = options.get('bytesPerSecond');
  if (rate === undefined) return { dir, bytesPerSecond: undefined };
  const bytesPerSecond = Number(rate);
  if (/^\d+$/.test(rate) && bytesPerSecond > 0) return { dir, bytesPerSecond };
  throw new UsageError('bytesPerSecond is not a positive whole number.', {
    facts: { uri },
    hint: 'For example: file:///dir?bytesPerSecond=400000 (400 kB/s).',
  });
}
