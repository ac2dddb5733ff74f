import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inLanes } from '../../../lib/checkpoint/lanes.ts';

const never = new AbortController().signal;

describe('work in lanes', () => {
  it('runs as many tasks at once as there are lanes, and never more', async () => {
    let running = 0;
    let most = 0;
    const done = await inLanes({ lanes: 3, signal: never }, ({ run }) =>
      Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          run(async () => {
            most = Math.max(most, ++running);
            await turn();
            running--;
            return index;
          }),
        ),
      ),
    );
    expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(most).toBe(3);
  });

  it('throws the first failure, starts nothing after it, and only when the running tasks have ended', async () => {
    const started: number[] = [];
    const ended: number[] = [];
    const failing = inLanes({ lanes: 2, signal: never }, ({ run }) =>
      Promise.all(
        [0, 1, 2, 3].map((index) =>
          run(async () => {
            started.push(index);
            if (index === 0) throw new Error('task 0 fails');
            await turn();
            await turn();
            ended.push(index);
          }),
        ),
      ),
    );
    await expect(failing).rejects.toThrow('task 0 fails');
    expect(started).toEqual([0, 1]);
    expect(ended).toEqual([1]);
  });

  it('survives tasks that nobody awaits', async () => {
    const failing = inLanes({ lanes: 1, signal: never }, async ({ run }) => {
      void run(async () => {
        throw new Error('left alone');
      });
      return 'body is content';
    });
    await expect(failing).rejects.toThrow('left alone');
  });

  it('waits for tasks that a task starts', async () => {
    let late = false;
    await inLanes({ lanes: 2, signal: never }, async ({ run }) => {
      await run(async () => {
        void run(async () => {
          await turn();
          late = true;
        });
      });
    });
    expect(late).toBe(true);
  });

  it('throws the reason of the signal when it is aborted from outside', async () => {
    const stop = new AbortController();
    const stopped = inLanes({ lanes: 1, signal: stop.signal }, async ({ run, signal }) => {
      await run(async () => {
        stop.abort(new Error('notice'));
        signal.throwIfAborted();
      });
    });
    await expect(stopped).rejects.toThrow('notice');
  });
});
