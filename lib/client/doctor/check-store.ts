import type { Random } from '../../base/random.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { probeConditionalWrites } from '../../store/probe-conditional-writes.ts';
import { type Check, pass } from './check.ts';

/** Whether the store can be written, and keeps its conditions: everything that Holdfast promises rests on them. */
export function checkStore(ports: {
  readonly store: () => Promise<ObjectStore>;
  readonly random: Random;
  /** @default nothing: the store answers without an account */
  readonly after?: string | undefined;
}): Check {
  const { after } = ports;
  return {
    name: 'store',
    ...(after === undefined ? {} : { after }),
    async run() {
      const store = await ports.store();
      await probeConditionalWrites(store, ports.random);
      return pass(`${store.uri} keeps conditional writes`);
    },
  };
}
