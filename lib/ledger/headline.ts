const firstFrame = /^\s+at .*?([^\s()]+:\d+:\d+)\)?$/m;

/** A message in one line: its first, and the place in the program where it was thrown, if the message holds a stack. */
export function headline(message: string): string {
  const first = (message.split('\n', 1)[0] ?? '').replace(/[.:]$/, '');
  const place = firstFrame.exec(message)?.[1];
  return place === undefined ? first : `${first} (${place})`;
}
