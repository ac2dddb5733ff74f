/** True when `error` is the system's answer that a file or folder does not exist. */
export function isMissing(error: unknown): boolean {
  return hasErrorCode(error, ['ENOENT', 'ENOTDIR']);
}

/** True when `error` is a system error with one of these codes. */
export function hasErrorCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
