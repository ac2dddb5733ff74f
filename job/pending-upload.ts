import type { StagedSource } from './trainer/trainer.ts';

/** A checkpoint between `staging` and the journal. */
export interface PendingUpload {
  readonly source: StagedSource;
  readonly receivedAtMs: number;
  readonly upload: AbortController;
  sentBytes: number;
  uploading: boolean;
}

/** An upload with less than this share left is finished rather than thrown away when an emergency checkpoint comes. */
const almostFinishedShare = 0.5;

/** Two uploads never compete: one in flight is finished when little of it is left, else superseded by the emergency. */
export function preferEmergency(pending: readonly PendingUpload[]): void {
  const newest = pending.at(-1);
  if (newest?.source.message.reason !== 'notice') return;
  for (const older of pending.slice(0, -1)) {
    const left = 1 - older.sentBytes / Math.max(1, older.source.bytes);
    if (!older.uploading || left > almostFinishedShare)
      older.upload.abort(new Error('superseded by the emergency checkpoint'));
  }
}
