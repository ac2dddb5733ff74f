/** Two uploads never compete: which of them has the line, as the worker decides (job/pending-upload.ts). Pure. */

export interface Upload {
  readonly step: number;
  readonly reason: 'policy' | 'notice';
  readonly startedAt: number;
  readonly doneAt: number;
}

/** Into staging, by the threads that write; an older upload may end in this time. */
const stagingBytesPerSecond = 3.3e9;
/** An upload with less than this share left is finished, else superseded by the emergency's. */
const almostFinishedShare = 0.5;

/** From when on an emergency checkpoint has the line, and what becomes of the upload that had it. */
export function lineFor(
  older: Upload | undefined,
  save: { readonly snapshotAt: number; readonly stateBytes: number; readonly flushSeconds: number },
): { readonly freeAt: number; readonly older: 'none' | 'finishes' | 'is given up' } {
  const { snapshotAt, stateBytes, flushSeconds } = save;
  if (older === undefined) return { freeAt: snapshotAt, older: 'none' };
  const stagedAt = snapshotAt + stateBytes / stagingBytesPerSecond;
  return (older.doneAt - stagedAt) / flushSeconds <= almostFinishedShare
    ? { freeAt: Math.max(snapshotAt, older.doneAt), older: 'finishes' }
    : { freeAt: stagedAt, older: 'is given up' };
}
