import { stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UnfitError, UsageError } from '../lib/base/errors.ts';
import { unlessMissing } from '../lib/base/file-errors.ts';

/**
 * Told before minutes of work, not after them.
 * @throws UsageError where no file of this name could be written
 */
export async function refuseUnwritablePicture(file: string): Promise<void> {
  const [there, folder] = await Promise.all([file, dirname(file)].map((path) => unlessMissing(stat(path))));
  if (there?.isDirectory() === true)
    throw new UsageError('--svg names a folder, not a file.', {
      facts: { file },
      hint: 'For example: --svg goodput.svg',
    });
  if (folder?.isDirectory() !== true)
    throw new UsageError('--svg names a file in a folder that is not there.', {
      facts: { file },
      hint: `Make ${dirname(file)} first, or name another one.`,
    });
}

/** @throws UnfitError when it cannot be written after all */
export async function writePicture(file: string, picture: string): Promise<void> {
  try {
    await writeFile(file, picture);
  } catch (error) {
    throw new UnfitError('the picture could not be written.', {
      facts: { file },
      hint: 'Name another file by --svg, or leave it out: what is printed needs none.',
      cause: error,
    });
  }
}
