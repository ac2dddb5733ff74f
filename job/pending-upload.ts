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

/**
 * An emergency checkpoint is asked for: the older of two gives way, where the newer is whole. The only one gives way as
 * well where the trainer has said that it has no slot for a newer state: a trainer that died in the moment until that is
 * written would have cost it, but waiting for all of it may cost the emergency. Unasked it never does, since it may be
 * the very state that the trainer answers with.
 */
export function makeRoom(pending: readonly PendingUpload[], hasNoSlot: boolean): void {
  const [older, newer] = pending;
  if (older === undefined) return;
  const isInTheWay = newer === undefined && hasNoSlot && older.source.isComplete;
  if (isInTheWay || newer?.source.isComplete === true) supersede(older);
}

function supersede({ source, durableBytes, uploading, upload }: PendingUpload): void {
  const left = 1 - durableBytes / Math.max(1, source.bytes);
  if (!uploading || left > almostFinishedShare) upload.abort(new Error('superseded by a newer checkpoint'));
}
