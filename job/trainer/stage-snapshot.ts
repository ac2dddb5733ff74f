import { messageOf } from '../../lib/base/errors.ts';
import type { SaveReason } from '../../lib/contract/manifest.ts';
import type { TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import type { Snapshot } from '../../lib/training/snapshot.ts';
import type { DrainPace } from './drain-pace.ts';
import type { Slot } from './slots.ts';
import { writeFiles } from './write-files.ts';

export interface Staging {
  readonly slot: Slot;
  readonly snapshot: Snapshot;
  readonly id: string;
  readonly reason: SaveReason;
  readonly why?: string;
  readonly compatibility: Record<string, unknown>;
}

export interface Staged {
  /** False when it had to be abandoned: a full disk costs this checkpoint, not the training. */
  readonly isStaged: boolean;
  /** What it took from the thread that trains, without the taking of the snapshot. */
  readonly stolenMs: number;
}

export interface StagingMeans {
  readonly send: (message: TrainerMessage) => void;
  readonly pace: DrainPace;
}

/**
 * Writes a snapshot into a slot and tells the supervisor as bytes become final. Releases the snapshot in any case, once
 * nothing reads it any more.
 */
export async function stageSnapshot(staging: Staging, { send, pace }: StagingMeans): Promise<Staged> {
  const { slot, snapshot, id } = staging;
  const stolenBeforeMs = pace.stolenMs;
  slot.state = 'writing';
  let isStaged = false;
  try {
    pace.spend(() => send(announcementOf(staging)));
    const targets = await Promise.all(
      snapshot.files.map(async (file) => ({
        handle: await slot.file(file.path),
        file,
        onWritten: (bytes: number) =>
          send({ kind: 'written', slot: slot.number, id, path: file.path, bytes }),
      })),
    );
    await writeFiles(targets, pace);
    send({ kind: 'staged', slot: slot.number, id });
    isStaged = true;
  } catch (error) {
    send({ kind: 'abandoned', slot: slot.number, id, why: messageOf(error) });
  } finally {
    pace.spend(() => snapshot.release());
  }
  return { isStaged, stolenMs: pace.stolenMs - stolenBeforeMs };
}

function announcementOf(staging: Staging): TrainerMessage {
  const { slot, snapshot, id, reason, compatibility, why } = staging;
  const { position, files, best, omitted } = snapshot;
  return {
    kind: 'staging',
    slot: slot.number,
    id,
    reason,
    ...position,
    compatibility,
    files: files.map(({ path, bytes }) => ({ path, bytes })),
    ...(best !== undefined && { best }),
    ...(why !== undefined && { why }),
    ...(omitted.length > 0 && { omitted: [...omitted] }),
  };
}
