/** What we write nests tens of levels deep, state of a program at most 600. JSON of any depth could not be written again. */
export const nestingMax = 1_000;

/**
 * `JSON.parse` for text that others wrote. It refuses what is nested deeper than anything we write: whoever walks such a
 * value, `JSON.stringify` among them, runs off the end of the stack, which is no error that anybody could name.
 * @throws SyntaxError when the text is not JSON or nests deeper than `nestingMax`
 */
export function parseJson(text: string): unknown {
  if (nestsDeeper(text)) throw new SyntaxError(`it nests more than ${nestingMax} levels deep`);
  return JSON.parse(text);
}

const [quote, backslash, openList, closeList, openObject, closeObject] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

function nestsDeeper(text: string): boolean {
  let depth = 0;
  let isInText = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isInText) {
      if (code === backslash) at++;
      else if (code === quote) isInText = false;
    } else if (code === quote) isInText = true;
    else if (code === openObject || code === openList) {
      if (++depth > nestingMax) return true;
    } else if (code === closeObject || code === closeList) depth--;
  }
  return false;
}
