/** What must stand once a person's command has said that it is done. */
import type { JobRecord } from './job-record.ts';

/** What a command that is done has asked for. */
export type Done =
  | { readonly asked: 'pin'; readonly checkpoint: string }
  | { readonly asked: 'pause' | 'cancel' | 'fork' }
  /** To train, or to go on. `sent`: tickets of the job that were sent meanwhile. */
  | { readonly asked: 'run'; readonly sent: number };

/** A command that is done has left behind what it was for: an entry, a checkpoint, a ticket. */
export function whatIsDoneStands(record: JobRecord | undefined, done: Done): string | undefined {
  if (record === undefined) return `${done.asked} is done, and there is no such job`;
  const { entries, status, jobId } = record;
  const stands = (kind: string): boolean => entries.some((entry) => entry.kind === kind);
  switch (done.asked) {
    case 'pin': {
      const { checkpoint } = done;
      const isPinned = entries.some((entry) => entry.kind === 'pinned' && entry.checkpoint === checkpoint);
      // Whoever comes later may have dropped it, or taken the pin away.
      return isPinned || record.find(checkpoint) === undefined ? undefined : `${checkpoint} was never pinned`;
    }
    case 'pause':
    case 'cancel':
      return status !== 'runnable' || stands(`${done.asked}-requested`)
        ? undefined
        : `nobody asked ${jobId} to ${done.asked}`;
    case 'fork':
      return record.known.size > 0 ? undefined : `${jobId} has no checkpoint`;
    case 'run':
      return status !== 'runnable' || done.sent > 0 ? undefined : `${jobId} was left without a ticket`;
  }
}
