import { messageOf } from '../../lib/base/errors.ts';
import type { SaveReason } from '../../lib/contract/manifest.ts';
import type { TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import type { Snapshot } from '../../lib/training/snapshot.ts';
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

/**
 * Writes a snapshot into a slot and tells the supervisor as bytes become final. Resolves with false when it had to be
 * abandoned: a full disk costs this checkpoint, not the training. Releases the snapshot in any case.
 */
export async function stageSnapshot(
  staging: Staging,
  send: (message: TrainerMessage) => void,
): Promise<boolean> {
  const { slot, snapshot, id, reason, compatibility, why } = staging;
  const { position, files, best } = snapshot;
  slot.state = 'writing';
  send({
    kind: 'staging',
    slot: slot.number,
    id,
    reason,
    ...position,
    compatibility,
    files: files.map(({ path, bytes }) => ({ path, bytes })),
    ...(best !== undefined && { best }),
    ...(why !== undefined && { why }),
  });
  try {
    const targets = await Promise.all(
      files.map(async (file) => ({
        handle: await slot.file(file.path),
        file,
        onWritten: (bytes: number) =>
          send({ kind: 'written', slot: slot.number, id, path: file.path, bytes }),
      })),
    );
    await writeFiles(targets);
    send({ kind: 'staged', slot: slot.number, id });
    return true;
  } catch (error) {
    send({ kind: 'abandoned', slot: slot.number, id, why: messageOf(error) });
    return false;
  } finally {
    snapshot.release();
  }
}
