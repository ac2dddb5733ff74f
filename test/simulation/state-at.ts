import { sha256Hex } from '../../lib/base/digest.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const digests = new Map<string, string[]>();

/** Each state follows from the one before: what was trained from a wrong one is wrong for ever. */
function digestAt(root: string, step: number): string {
  const known = digests.get(root) ?? [sha256Hex(text(root))];
  digests.set(root, known);
  for (let at = known.length; at <= step; at++) known.push(sha256Hex(text(`${known[at - 1]} ${at}`)));
  return known[step] ?? '';
}

/**
 * What the job that began as `root` holds after `step` steps: a part that never changes, one that seldom does, one that
 * swings back to what it was some saves ago, and one that always changes.
 */
export function filesAt(root: string, step: number): ReadonlyMap<string, Uint8Array> {
  return new Map([
    ['frozen.bin', text(`frozen ${root}`)],
    ['slow.bin', text(`slow ${root} ${Math.floor(step / 7)}`)],
    ['swing.bin', text(`swing ${root} ${Math.floor(step / 3) % 3}`)],
    ['state.json', text(JSON.stringify({ step, digest: digestAt(root, step) }))],
  ]);
}

/** Of files that a checkpoint holds; undefined where they say none. */
export function stepOf(files: ReadonlyMap<string, Uint8Array>): number | undefined {
  try {
    const state: unknown = JSON.parse(new TextDecoder().decode(files.get('state.json')));
    return typeof state === 'object' && state !== null && 'step' in state && typeof state.step === 'number'
      ? state.step
      : undefined;
  } catch {
    return undefined;
  }
}
