import { basename, extname } from 'node:path';
import { UsageError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { jobIdPattern } from '../contract/object-keys.ts';

/** Six of 32 letters and digits: a thousand jobs of one name collide with a chance of one in two thousand, and then submit says so. */
const suffixLength = 6;
/** Without i, l, o and u, which are misread or spell words. */
const suffixLetters = '0123456789abcdefghjkmnpqrstvwxyz';
const slugLengthMax = 63 - suffixLength - 1;

/** A name as a job id can spell it: `My Net/v2.ts` → `my-net-v2-ts`; empty where nothing is left. */
export function slugOf(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, slugLengthMax)
    .replaceAll(/-+$/g, '');
}

/** The name of a program's file without folder and extension. */
export function nameOfFile(file: string): string {
  return basename(file, extname(file));
}

/** A new job id that begins with the name. */
export function newJobId(name: string, random: Random): string {
  const suffix = Array.from(
    { length: suffixLength },
    () => suffixLetters[Math.floor(random.next() * suffixLetters.length)] ?? '0',
  ).join('');
  return `${slugOf(name) || 'job'}-${suffix}`;
}

/** @throws UsageError when the text is no job id */
export function checkJobId(jobId: string): string {
  if (jobIdPattern.test(jobId)) return jobId;
  throw new UsageError(`not a job id: \`${jobId}\`.`, {
    hint: 'A job id has 1 to 63 characters of a-z, 0-9 and inner hyphens.',
  });
}
