import { describe, expect, it } from 'vitest';
import { lanesPerThread, transferPlan } from '../../../job/transfer/transfer-plan.ts';
import { chunkBytes } from '../../../lib/contract/manifest.ts';

const mebibyte = 1024 * 1024;
const sizes = [32, 48, 64, 127, 128, 256, 512, 1_024, 4_096, 40_960].map((size) => size * mebibyte);
const machines = [1, 2, 4, 16, 192];

describe('how a checkpoint is moved', () => {
  it('takes no thread for what is sent faster than a thread starts', () => {
    expect(transferPlan(0, 4)).toBeUndefined();
    expect(transferPlan(32 * mebibyte - 1, 4)).toBeUndefined();
    expect(transferPlan(32 * mebibyte, 4)?.backgroundThreads).toBe(2);
  });

  it('leaves a core to the training, and lets an emergency have all', () => {
    expect(transferPlan(1_024 * mebibyte, 2)).toMatchObject({ backgroundThreads: 1, urgentThreads: 2 });
    expect(transferPlan(4_096 * mebibyte, 192)).toMatchObject({ backgroundThreads: 2, urgentThreads: 8 });
    expect(transferPlan(4_096 * mebibyte, 1)).toMatchObject({ backgroundThreads: 1, urgentThreads: 1 });
  });

  it.each(sizes.flatMap((bytes) => machines.map((cores) => ({ bytes, cores }))))(
    'keeps the chunks in flight of $bytes bytes on $cores cores within a quarter of the state, and within its lanes',
    ({ bytes, cores }) => {
      const plan = transferPlan(bytes, cores);
      expect(plan).toBeDefined();
      const { lanes, urgentThreads, backgroundThreads } = plan!;
      expect(lanes).toBeGreaterThanOrEqual(2);
      expect(lanes * chunkBytes).toBeLessThanOrEqual(Math.max(bytes / 4, 2 * chunkBytes));
      expect(lanes).toBeLessThanOrEqual(
        Math.max(urgentThreads * lanesPerThread.urgent, backgroundThreads * lanesPerThread.background),
      );
      // Two slots of the state's size and what is in flight.
      expect(2 * bytes + lanes * chunkBytes).toBeLessThanOrEqual(3 * bytes);
    },
  );
});
