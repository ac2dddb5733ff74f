import type { Position } from '../contract/trainer-document.ts';
import type { DataOrder } from './data-order.ts';
import type { Data } from './define-training.ts';
import type { MathRandom, RandomStreams } from './random-streams.ts';
import { disposeTensors } from './tensors.ts';

export interface BatchLoader {
  /** The batch of the step at `position`; loads ahead for the steps after it. Undefined where the data has no `load`. */
  take(position: Position): Promise<unknown>;
  /** Nothing more is wanted: tells loads under way, and disposes what they bring. */
  close(): void;
}

interface BatchLoaderOptions {
  readonly data: Data<unknown> | undefined;
  readonly order: DataOrder;
  readonly streams: RandomStreams;
  readonly mathRandom: MathRandom;
  /** No step is taken at this position: it lies behind the end. */
  readonly isEnd: (position: Position) => boolean;
}

/**
 * Loads batches, some ahead of the step. Each draws from its own generator, so what a load returns does not depend on
 * when it runs. An error surfaces in the step that needs the batch, never before.
 */
export function batchLoader(options: BatchLoaderOptions): BatchLoader {
  const { data, order, streams, mathRandom, isEnd } = options;
  const ending = new AbortController();
  const ahead = new Map<number, Promise<unknown>>();
  let depth = data?.prefetch;
  const load = (position: Position): unknown => {
    const { epoch, example } = position;
    const rng = streams.load(epoch, example);
    return mathRandom.run(rng, () =>
      data?.load?.(order.indicesAt(position), { epoch, rng, signal: ending.signal }),
    );
  };
  const loadAhead = (position: Position): void => {
    let next = order.after(position);
    for (let count = 0; count < (depth ?? 0) && !isEnd(next); count++, next = order.after(next)) {
      if (ahead.has(next.step)) continue;
      const at = next;
      const loading = (async () => load(at))();
      // Whoever takes the batch gets the error; until then it is not an unhandled one.
      loading.catch(() => {});
      ahead.set(next.step, loading);
    }
  };
  return {
    async take(position) {
      if (data?.load === undefined) return undefined;
      const waiting = ahead.get(position.step);
      ahead.delete(position.step);
      const loading = waiting ?? load(position);
      depth ??= loading instanceof Promise ? 1 : 0;
      const batch = await loading;
      loadAhead(position);
      return batch;
    },
    close() {
      ending.abort();
      for (const loading of ahead.values()) loading.then(disposeTensors, () => {});
      ahead.clear();
    },
  };
}
