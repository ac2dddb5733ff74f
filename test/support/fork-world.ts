import { seededRandom } from '../../lib/base/random.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import { type ForkOptions, forkJob, type Forked } from '../../lib/client/fork-job.ts';
import type { InspectProgram } from '../../lib/client/prepare-program.ts';
import { publishFirstSpec } from '../../lib/client/publish-spec.ts';
import type { Region } from '../../lib/client/region.ts';
import type { JobSpec } from '../../lib/contract/job-spec.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { defaultTimers } from '../../lib/contract/timers.ts';
import { type ClaimResult, claimJob } from '../../lib/journal/claim.ts';
import type { Claim } from '../../lib/journal/claim.ts';
import { type Journal, openJournal } from '../../lib/journal/journal.ts';
import { recordSubmission } from '../../lib/journal/requests.ts';
import { MemoryJobQueue } from '../../lib/queue/memory-job-queue.ts';
import { MemoryObjectStore } from '../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { type Files, save, text } from '../lib/checkpoint/files.ts';
import { aSpec } from './a-spec.ts';
import { hastyClock } from './journal-world.ts';
import { behindGate } from './with-methods.ts';

export const parentId = 'parent';
export const childId = 'child';

const programText = 'export default { setup() {} };\n';

/** What the parent's program says of itself, without a process to ask it in. */
export const inspect: InspectProgram = async () => ({
  params: { learningRate: 0.1, units: 8 },
  schema: false,
  seed: 1,
  inputs: {},
});

/** What the parent held at a step: a part that never changes, and one that always does. */
export function filesAt(step: number): Files {
  return {
    'frozen.bin': text('frozen'),
    'moving.bin': text(`moving ${step}`),
    'empty.bin': new Uint8Array(0),
  };
}

/** A store and a queue in memory with a job that has saved at steps 10, 20 and 30; forks are made as other processes would. */
export class ForkWorld {
  readonly clock = hastyClock();
  readonly store: MemoryObjectStore;
  readonly queue: MemoryJobQueue;
  #opened = 0;

  constructor(store?: MemoryObjectStore) {
    this.store = store ?? new MemoryObjectStore({ clock: this.clock });
    this.queue = new MemoryJobQueue({ clock: this.clock });
  }

  static async withParent(spec: Partial<JobSpec> = {}): Promise<ForkWorld> {
    const world = new ForkWorld();
    await world.#submitParent(spec);
    const claim = await world.claimed(parentId);
    await world.train(claim, [10, 20, 30]);
    await claim.append(() => ({ kind: 'released', cause: 'interrupted', step: 30, message: 'notice' }));
    return world;
  }

  /** A second world that began as this one is now. */
  async clone(): Promise<ForkWorld> {
    const copy = new ForkWorld();
    copy.clock.pass(this.clock.monotonicMs());
    for (const { key } of (await this.store.list('')).objects) {
      const object = await this.store.get(key);
      if (object !== undefined) await copy.store.put(key, object.body);
    }
    return copy;
  }

  region(store: ObjectStore = this.store): Region {
    return {
      place: { store: store.uri, queue: this.queue.uri, origin: 'flags', timers: defaultTimers },
      store,
      timers: defaultTimers,
      clock: this.clock,
      random: seededRandom(++this.#opened),
      queue: () => Promise.resolve(this.queue),
      close: () => Promise.resolve(),
    };
  }

  fork(options: Partial<ForkOptions> = {}, store?: ObjectStore): Promise<Forked> {
    return forkJob(this.region(store), {
      from: { jobId: parentId, checkpoint: 'step20' },
      jobId: childId,
      cwd: '/nowhere',
      inspect,
      ...options,
    });
  }

  journal(jobId: string): Promise<Journal> {
    return openJournal(
      { store: this.store, clock: this.clock, random: seededRandom(1_000 + ++this.#opened) },
      jobId,
    );
  }

  /** What a worker that was given a ticket of the job comes to. */
  async claim(jobId: string): Promise<ClaimResult> {
    return claimJob(await this.journal(jobId), {
      ticket: 'ticket',
      instance: { id: `i-${++this.#opened}`, type: 'g5.xlarge', zone: 'eu-west-1a' },
      isLive: () => Promise.resolve(false),
    });
  }

  async claimed(jobId: string): Promise<Claim> {
    const result = await this.claim(jobId);
    if (result.outcome !== 'claimed') throw new Error(`not claimed: ${JSON.stringify(result)}`);
    return result.claim;
  }

  /** Saves at each step, every save over the chunks of the one before. */
  async train(claim: Claim, steps: readonly number[], keepLast = 100): Promise<readonly string[]> {
    const dropped: string[] = [];
    let parent: Awaited<ReturnType<typeof save>>['uploaded']['manifest'] | undefined;
    for (const [index, step] of steps.entries()) {
      const { uploaded, drops } = await save({
        store: this.store,
        claim,
        files: filesAt(step),
        ordinal: index + 1,
        step,
        parent,
        keep: { last: keepLast, best: true },
      });
      parent = uploaded.manifest;
      dropped.push(...drops);
    }
    return dropped;
  }

  async tickets(): Promise<number> {
    return (await this.queue.depth()).visible;
  }

  async #submitParent(facts: Partial<JobSpec>): Promise<void> {
    const code = new TextEncoder().encode(programText);
    const sha256 = sha256Hex(code);
    await this.store.put(objectKeys.program(sha256), code);
    const spec = aSpec({
      jobId: parentId,
      name: 'digits',
      program: { kind: 'training', sha256, source: 'train.ts', params: { units: 16 } },
      ...facts,
    });
    const ref = await publishFirstSpec(this.store, spec);
    const { store } = this;
    await recordSubmission(await this.journal(parentId), { spec: ref, name: spec.name, store: store.uri });
  }
}

/** The store as a process sees it that dies at its `deathAt`-th request: nothing that it asks for from then on happens. */
export function mortal(
  store: ObjectStore,
  deathAt: number,
): { readonly store: ObjectStore; readonly calls: () => number } {
  let calls = 0;
  const gate = async (): Promise<void> => {
    if (++calls >= deathAt) throw new Error('the process is dead');
  };
  return { store: behindGate(store, gate), calls: () => calls };
}
