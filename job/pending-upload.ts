import type { StagedSource } from './trainer/trainer.ts';

/** A checkpoint between `staging` and the journal. */
export interface PendingUpload {
  readonly source: StagedSource;
  readonly receivedAtMs: number;
  readonly upload: AbortController;
  /** Raw bytes that need not be sent any more. */
  durableBytes: number;
  uploading: boolean;
}

/** An upload with less than this share left is finished rather than thrown away when an emergency checkpoint comes. */
const almostFinishedShare = 0.5;

/**
 * Two uploads never compete: once the emergency checkpoint is whole, one in flight is finished when little of it is left,
 * else superseded.
 */
export function preferEmergency(pending: readonly PendingUpload[]): void {
  if (pending.at(-1)?.source.message.reason !== 'notice') return;
  for (const older of pending.slice(0, -1)) supersede(older);
}

/** Both slots are taken when an emergency checkpoint is about to be asked for: the older gives way, since the newer is whole. */
export function makeRoom(pending: readonly PendingUpload[]): void {
  const [older, newer] = pending;
  if (older !== undefined && newer?.source.isComplete === true) supersede(older);
}

function supersede({ source, durableBytes, uploading, upload }: PendingUpload): void {
  const left = 1 - durableBytes / Math.max(1, source.bytes);
  if (!uploading || left > almostFinishedShare) upload.abort(new Error('superseded by a newer checkpoint'));
}
