/** True when `error` is the system's answer that a file or folder does not exist. */
export function isMissing(error: unknown): boolean {
  return hasErrorCode(error, ['ENOENT', 'ENOTDIR']);
}

/** True when `error` is a system error with one of these codes. */
export function hasErrorCode(error: unknown, codes: readonly string[]): boolean {
  return codes.includes(errnoOf(error) ?? '');
}

/** `ENOENT`, `EEXIST` and so on; undefined for an error that carries no code. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** The result, or undefined where the file or folder is not there. */
export async function unlessMissing<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
