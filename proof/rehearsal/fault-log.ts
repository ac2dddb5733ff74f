import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../../lib/base/clock.ts';
import { unlessMissing } from '../../lib/base/file-errors.ts';

/** One fault that happened, as a line of the log of faults. */
export const faultNoteSchema = z.object({
  at: z.iso.datetime(),
  instance: z.string(),
  /** `store`, `queue`, `network`, `disk` or `clock`. */
  where: z.string(),
  /** What went wrong there, as `lost-answer`. */
  what: z.string(),
  /** What it went wrong with. */
  detail: z.string(),
});

export type FaultNote = z.infer<typeof faultNoteSchema>;
export type NoteFault = (fault: Pick<FaultNote, 'where' | 'what' | 'detail'>) => void;

export interface FaultLogOptions {
  /** Nothing is noted without one. */
  readonly path: string | undefined;
  readonly instance: string;
  readonly clock: Clock;
}

/** Notes faults as they happen. A line is in the file before the fault is felt, so that a kill hides none. */
export function faultLog({ path, instance, clock }: FaultLogOptions): NoteFault {
  if (path === undefined) return () => undefined;
  return (fault) =>
    appendFileSync(path, `${JSON.stringify({ at: clock.now().toISOString(), instance, ...fault })}\n`);
}

/**
 * What was noted so far. All machines of a region write into one file, so that a kill may cut a line anywhere, and the next
 * one is glued to it: what cannot be read was never whole.
 */
export async function readFaultNotes(path: string): Promise<readonly FaultNote[]> {
  const text = (await unlessMissing(readFile(path, 'utf8'))) ?? '';
  return text
    .split('\n')
    .map(noteIn)
    .filter((note) => note !== undefined);
}

function noteIn(line: string): FaultNote | undefined {
  try {
    return faultNoteSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
