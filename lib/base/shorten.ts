/** The beginning of a text that others wrote, for a message: nobody reads more, and a message is stored and sent on. */
export function shorten(text: string, charsMax = 200): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
}
