import {
  type HeldState,
  type HoldingMemory,
  type SavedState,
  type TrainingState,
  wholeFile,
} from '../../lib/training/state.ts';

/** A state of plain JSON, for the loop's own tests: `values` is what a program would change. */
export class FakeTrainingState implements TrainingState {
  values: Record<string, unknown>;
  readonly omitted: readonly string[] = [];
  memoryLeft: readonly HoldingMemory[] = [];
  forgottenNames: readonly string[] = [];
  readonly log: string[] = [];
  heldNow = 0;

  constructor(values: Record<string, unknown> = {}) {
    this.values = values;
  }

  hold(): HeldState {
    const bytes = new TextEncoder().encode(JSON.stringify(this.values));
    let isReleased = false;
    this.heldNow++;
    this.log.push(`hold ${JSON.stringify(this.values)}`);
    return {
      entries: { values: { kind: 'plain', file: 'values.json' } },
      files: [
        { path: 'values.json', bytes: bytes.length, pieces: [{ bytes: bytes.length, read: () => bytes }] },
      ],
      release: () => {
        if (!isReleased) this.heldNow--;
        isReleased = true;
      },
    };
  }

  restore(saved: SavedState): void {
    this.values = JSON.parse(new TextDecoder().decode(wholeFile(saved.file('values.json'))));
    this.log.push(`restore ${JSON.stringify(this.values)}`);
  }

  forgotten(): readonly string[] {
    return this.forgottenNames;
  }

  memory(): readonly HoldingMemory[] {
    return this.memoryLeft;
  }

  compatibility(): Readonly<Record<string, unknown>> {
    return { state: Object.keys(this.values) };
  }
}
