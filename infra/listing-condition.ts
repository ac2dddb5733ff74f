/**
 * For `s3:ListBucket` below some prefixes. The right to list is also what makes S3 say "no such key" rather than "forbidden"
 * for an object that is missing, as the slot of a journal that is still free: a GET lists nothing, so the condition must hold
 * as well where a request names no prefix (`IfExists`).
 */
export function listingBelow(prefixes: readonly string[]): Record<string, Record<string, string[]>> {
  return { StringLikeIfExists: { 's3:prefix': prefixes.map((prefix) => `${prefix}*`) } };
}
