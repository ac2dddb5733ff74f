import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chunkBytes } from '../../lib/contract/manifest.ts';
import type { TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { type StagingMessage, StagedCheckpoint } from '../../job/staged-checkpoint.ts';
import type { StagedSource, Trainer } from '../../job/trainer/trainer.ts';
import { noiseBytes } from './noise.ts';

const path = 'state.safetensors';

/** A trainer that has always just staged: a real slot with real bytes, and no process. */
export class SlotTrainer implements Trainer {
  readonly asksEarly = false;
  readonly bytes: number;
  readonly file: string;
  readonly #staging: string;
  #step = 0;

  private constructor(staging: string, bytes: number) {
    this.#staging = staging;
    this.bytes = bytes;
    this.file = join(staging, 'slot-0', path);
  }

  static async create(staging: string, bytes: number): Promise<SlotTrainer> {
    const trainer = new SlotTrainer(staging, bytes);
    await mkdir(join(staging, 'slot-0'), { recursive: true });
    const handle = openSync(trainer.file, 'w');
    for (let at = 0; at < bytes; at += chunkBytes)
      writeSync(handle, noiseBytes(Math.min(chunkBytes, bytes - at), at + 1));
    closeSync(handle);
    return trainer;
  }

  /** Nobody is there to hear. */
  send(): void {}

  open(message: StagingMessage): StagedSource {
    return new StagedCheckpoint(message, join(this.#staging, 'slot-0'));
  }

  kill(): void {}

  /** Changes every chunk, so that none is known to the store, and says what a trainer says of a checkpoint. */
  stage(hear: (message: TrainerMessage) => void): string {
    const step = ++this.#step;
    const handle = openSync(this.file, 'r+');
    for (let at = 0; at < this.bytes; at += chunkBytes)
      writeSync(handle, Buffer.from([step, at % 251]), 0, 2, at);
    closeSync(handle);
    const id = `t${step}`;
    const files = [{ path, bytes: this.bytes }];
    const position = { step, epoch: 0, example: 0 };
    hear({ kind: 'staging', slot: 0, id, reason: 'policy', ...position, compatibility: {}, files });
    hear({ kind: 'written', slot: 0, id, path, bytes: this.bytes });
    hear({ kind: 'staged', slot: 0, id });
    return id;
  }
}
