import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { damagedCopy, zeroTensor } from '../support/damaged-copy.ts';
import { type NativeBench, nativeBench } from '../support/native-bench.ts';
import { type CopiedCheckpoint, TrainerDriver } from '../support/trainer-driver.ts';

// Each control goes on from a checkpoint that lost one thing. If none of them changed the end, the equality that the other
// suites find would mean nothing.

let bench: NativeBench;
beforeAll(() => {
  bench = nativeBench();
});
afterAll(() => bench.remove());

async function ends(options: {
  readonly program: string;
  readonly params?: Record<string, unknown>;
  readonly damage: (from: CopiedCheckpoint) => void;
}): Promise<{ readonly left: CopiedCheckpoint; readonly damaged: CopiedCheckpoint }> {
  const { program: name, params = {}, damage } = options;
  const { dir, host } = bench;
  const program = await bench.program(name);
  const drive = { program, dir, host, start: { params, save: { everySteps: 5 } } };
  const reference = new TrainerDriver(drive);
  const left = await reference.finish();
  const middle = reference.copies.find(({ step }) => step > 12 && step < left.step);
  if (middle === undefined) throw new Error('no checkpoint was staged on the way');
  const from = damagedCopy(middle, dir);
  damage(from);
  return { left, damaged: await new TrainerDriver({ ...drive, from }).finish() };
}

describe.concurrent('the comparison of ends on the native backend turns red', () => {
  it.each([
    ['momentum', 'accumulations'],
    ['adam', 'accBeta2'],
    ['adamax', 'accumulatedWeightedInfNorm'],
    ['rmsprop', 'accumulatedMeanSquares'],
  ])('when %s loses %s', async (optimizer, slot) => {
    const { left, damaged } = await ends({
      program: 'optimizers',
      params: { optimizer },
      damage: (from) => zeroTensor(from, 'optimizer.safetensors', slot),
    });
    expect(damaged.digests['model.safetensors']).not.toBe(left.digests['model.safetensors']);
  });

  it('when a recurrent layer loses the states that it keeps', async () => {
    const { left, damaged } = await ends({
      program: 'recurrent',
      damage: (from) => zeroTensor(from, 'model.safetensors', 'lstm/state'),
    });
    expect(damaged.digests['model.safetensors']).not.toBe(left.digests['model.safetensors']);
  });

  it('and stays green when nothing is lost', async () => {
    const { left, damaged } = await ends({ program: 'optimizers', damage: () => {} });
    expect(damaged.digests).toEqual(left.digests);
  });
});
