/** Surrogates and what sorts above them in UTF-16: only here do JavaScript's order and that of UTF-8 bytes differ. */
const aboveSurrogates = /[\ud800-\uffff]/;

/** Orders keys by their UTF-8 bytes, as S3 lists them. Negative when `left` comes first. */
export function compareKeys(left: string, right: string): number {
  if (aboveSurrogates.test(left) || aboveSurrogates.test(right))
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
