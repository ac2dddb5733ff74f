/** `https://name:password@host`: what stands before the `@`. */
const userInfo = /(\b[a-z][a-z0-9+.-]{0,31}:\/\/)[^\s/?#@"'`<>]{1,512}@/gi;

/** Parameters of a URL that let whoever has it in: signed addresses of AWS (both versions), of Google and Azure, and tokens. */
const signedParameter =
  /([?&](?:x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|signature|awsaccesskeyid|sig|token|access_token)=)[^&#\s"'`<>]+/gi;

/**
 * A text without the secrets that addresses carry. Messages of errors and lines of a log go through it: they are kept in
 * journals, shown to others and sent around. Environments and headers never get into either.
 */
export function redact(text: string): string {
  // Almost no text holds an address, and messages are made often.
  if (!text.includes('://') && !text.includes('=')) return text;
  return text.replace(userInfo, '$1***@').replace(signedParameter, '$1***');
}
