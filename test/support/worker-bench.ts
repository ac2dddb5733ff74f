import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../lib/base/clock.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import { type Log, type LogFields, silentLog } from '../../lib/base/log.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { Instance, JournalEntry } from '../../lib/contract/journal-entry.ts';
import type { JobSpec } from '../../lib/contract/job-spec.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { encodeDocument } from '../../lib/contract/parse-document.ts';
import { encodeTicket } from '../../lib/contract/ticket.ts';
import { type Timers, timersFrom } from '../../lib/contract/timers.ts';
import type { FleetMembership } from '../../lib/fleet/fleet-membership.ts';
import { loneMachine } from '../../lib/fleet/lone-machine.ts';
import type { Notice } from '../../lib/interruption/notice.ts';
import { NoticeWatch } from '../../lib/interruption/notice-watch.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import { openJournal } from '../../lib/journal/journal.ts';
import type { JobQueue } from '../../lib/queue/job-queue.ts';
import { MemoryJobQueue } from '../../lib/queue/memory-job-queue.ts';
import { MemoryObjectStore } from '../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { FleetPlace } from '../../job/fleet-place.ts';
import { inProcessTransfer, type Transfer } from '../../job/transfer/transfer.ts';
import { runWorker, type WorkerOptions } from '../../job/worker.ts';
import type { World } from '../../job/world.ts';
import { type FakeTrainer, fakeTrainers } from './fake-trainer.ts';
import { type ManualClock, manualClock } from './manual-clock.ts';

/** Time passes in steps of this. */
const stepMs = 200;

/** Slots and work folders are real: waits until no file operation is under way, nor anything that one leads to. */
async function filesAreIdle(): Promise<void> {
  for (let idleTurns = 0; idleTurns < 3; idleTurns++) {
    await turn();
    if (process.getActiveResourcesInfo().some((name) => /^(?:FSReq|CloseReq)/.test(name))) idleTurns = -1;
  }
}

/** As a worker's process ends: its place in the fleet is given up last. */
async function endingWith(fleet: AsyncDisposable, work: () => Promise<number>): Promise<number> {
  await using _place = fleet;
  return await work();
}

export interface BenchWorker {
  readonly world: World;
  readonly trainers: readonly FakeTrainer[];
  /** The newest trainer; throws before there is one. */
  readonly trainer: FakeTrainer;
  announce(notice: Notice): void;
  readonly exitCode: Promise<number>;
}

export interface BenchOptions extends WorkerOptions {
  /** A store with bad weather around the bench's. */
  readonly store?: ObjectStore;
  readonly queue?: JobQueue;
  /** @default no threads */
  readonly transfer?: Transfer;
  /** @default a machine of its own */
  readonly membership?: FleetMembership;
  /** Stands there before the worker starts. */
  readonly notice?: Notice;
  /** A metadata service in place of one that answers. */
  readonly poll?: () => Promise<Notice | undefined>;
  readonly timers?: Partial<Timers>;
  /** What its machine believes, where that is not the bench's time. */
  readonly clock?: Clock;
  /** Hears each line of its log. */
  readonly hear?: (event: string, fields: LogFields) => void;
  readonly openStore?: World['openStore'];
}

function listeningLog(hear: (event: string, fields: LogFields) => void): Log {
  const say = (event: string, fields: LogFields = {}): void => hear(event, fields);
  const log: Log = { debug: say, info: say, warn: say, error: say, with: () => log };
  return log;
}

/**
 * Workers on one manual clock, one memory store and one memory queue, with trainers that the test plays. No process, no
 * waiting: time passes only in `until` and `pass`.
 */
export class WorkerBench {
  readonly clock: ManualClock = manualClock();
  readonly random = seededRandom(11);
  readonly store: MemoryObjectStore;
  readonly queue: MemoryJobQueue;
  readonly dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  #instances = 0;

  constructor() {
    this.store = new MemoryObjectStore({ clock: this.clock });
    this.queue = new MemoryJobQueue({ clock: this.clock });
  }

  dispose(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A job of a command, whose program the fake trainer stands for; with its ticket unless told otherwise. */
  async submit(
    jobId: string,
    options: { readonly ticket?: boolean; readonly inputs?: JobSpec['inputs'] } = {},
  ): Promise<void> {
    const spec = {
      format: 1 as const,
      jobId,
      name: jobId,
      createdAt: this.clock.now().toISOString(),
      program: {
        kind: 'command' as const,
        command: ['train'],
        checkpoints: { match: '*', complete: { by: 'rename' as const } },
      },
      ...(options.inputs !== undefined && { inputs: options.inputs }),
    };
    const body = encodeDocument(spec);
    const key = objectKeys.spec(jobId, 1);
    await this.store.put(key, body);
    const journal = await openJournal(this, jobId);
    await journal.append(() => ({
      kind: 'submitted',
      claim: null,
      name: jobId,
      store: this.store.uri,
      spec: { key, sha256: sha256Hex(body) },
    }));
    if (options.ticket !== false) await this.queue.send(encodeTicket(jobId));
  }

  /** Starts a worker of its own instance. `store` may be a store with bad weather around the bench's. */
  start(options: BenchOptions = {}): BenchWorker {
    const { store = this.store, queue = this.queue, membership = loneMachine } = options;
    const { notice, timers = {}, once, idleExitMs, clock = this.clock } = options;
    const log = options.hear === undefined ? silentLog : listeningLog(options.hear);
    const { started, start } = fakeTrainers();
    const notices: Notice[] = notice === undefined ? [] : [notice];
    const watch = new NoticeWatch({
      sources: [{ name: 'test', poll: options.poll ?? (() => Promise.resolve(notices.at(-1))) }],
      clock: this.clock,
      log: silentLog,
      pollMs: timers.noticePollMs ?? 1_000,
    });
    watch.start();
    const id = `i-${++this.#instances}`;
    const instance: Instance = { id, type: 'test', zone: 'test-1a' };
    const fleet = new FleetPlace({ membership, clock, log });
    const world: World = {
      store,
      queue,
      transfer: options.transfer ?? inProcessTransfer,
      notices: watch,
      fleet,
      clock,
      random: this.random,
      log,
      timers: { ...timersFrom({ heartbeatMs: 30_000, visibilityMs: 120_000 }), ...timers },
      instance,
      workDir: join(this.dir, id, 'work'),
      stagingDir: join(this.dir, id, 'staging'),
      startTrainer: start,
      openStore: options.openStore ?? (() => Promise.reject(new Error('no other store is there'))),
    };
    return {
      world,
      trainers: started,
      get trainer() {
        const newest = started.at(-1);
        if (newest === undefined) throw new Error('no trainer was started');
        return newest;
      },
      announce: (notice) => void notices.push(notice),
      exitCode: endingWith(fleet, () =>
        runWorker(world, {
          ...(once !== undefined && { once }),
          ...(idleExitMs !== undefined && { idleExitMs }),
        }),
      ),
    };
  }

  /** Lets time pass in small steps until something is true; fails after ten minutes of bench time. */
  async until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
    for (let passedMs = 0; passedMs < 600_000; passedMs += stepMs) {
      if (await isTrue()) return;
      await this.pass(stepMs);
    }
    throw new Error(`never came true: ${what}`);
  }

  /** Lets time pass until the worker has ended; its exit code. */
  async exitOf(worker: BenchWorker): Promise<number> {
    let code: number | undefined;
    void worker.exitCode.then((ended) => {
      code = ended;
    });
    await this.until('the worker ends', () => code !== undefined);
    return worker.exitCode;
  }

  /** Lets `ms` pass, in steps so small that the bench's time does not run away from the machine's files. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      await filesAreIdle();
      await this.clock.advance(Math.min(stepMs, left));
    }
    await filesAreIdle();
  }

  async state(jobId: string): Promise<JobState> {
    return (await openJournal(this, jobId)).state;
  }

  async entries(jobId: string): Promise<JournalEntry[]> {
    const entries: JournalEntry[] = [];
    for await (const entry of (await openJournal(this, jobId)).entries()) entries.push(entry);
    return entries;
  }

  async kinds(jobId: string): Promise<string[]> {
    return (await this.entries(jobId)).map(({ kind }) => kind);
  }

  /** A worker whose trainer has begun. */
  async begin(options: BenchOptions = {}): Promise<BenchWorker> {
    const worker = this.start(options);
    await this.until('a trainer begins', () => worker.trainers.at(-1)?.begun === true);
    return worker;
  }

  spotNotice(remainingMs = 120_000): Notice {
    return {
      kind: 'spot-interruption',
      action: 'terminate',
      at: new Date(this.clock.now().getTime() + remainingMs),
      remainingMs,
    };
  }
}
