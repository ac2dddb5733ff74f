/** Head of an answer 200 whose body has a known length. */
export interface ResponseHead {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body. */
  readonly length: number;
  /** Where the body begins. */
  readonly end: number;
  readonly keepsConnection: boolean;
}

/**
 * Reads the head of an HTTP/1.1 answer from the bytes received so far. `other` is every answer but a whole 200 with its
 * length, at most `lengthMax`, sent as it is: refusals, redirects, parts, answers in chunks or coded.
 */
export function parseResponseHead(
  received: Uint8Array,
  lengthMax: number,
): ResponseHead | 'incomplete' | 'other' {
  const bytes = Buffer.from(received.buffer, received.byteOffset, received.byteLength);
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return 'incomplete';
  const [status = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  if (!/^HTTP\/1\.1 200(?: |$)/.test(status)) return 'other';
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (field === null) return 'other';
    const [, name = '', value = ''] = field;
    // Twice the same header: which of the two is meant is for a full client to know.
    if (name.toLowerCase() in headers) return 'other';
    headers[name.toLowerCase()] = value;
  }
  const length = headers['content-length'] ?? '';
  const isPlain = headers['transfer-encoding'] === undefined && headers['content-encoding'] === undefined;
  if (!isPlain || !/^\d{1,15}$/.test(length) || Number(length) > lengthMax) return 'other';
  const keepsConnection = !/\bclose\b/i.test(headers['connection'] ?? '');
  return { headers, length: Number(length), end: end + 4, keepsConnection };
}
