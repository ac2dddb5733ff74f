import { messageOf } from '../../lib/base/errors.ts';
import { silentLog } from '../../lib/base/log.ts';
import { loneMachine } from '../../lib/fleet/lone-machine.ts';
import type { Notice } from '../../lib/interruption/notice.ts';
import { NoticeWatch } from '../../lib/interruption/notice-watch.ts';
import { FleetPlace } from '../../job/fleet-place.ts';
import { runWorker } from '../../job/worker.ts';
import type { World } from '../../job/world.ts';
import { between, chanceOf } from './chance.ts';
import { MemoryDisk } from './memory-disk.ts';
import { workerName } from './plan-history.ts';
import { simulatedTrainers } from './simulated-trainer.ts';
import { startOfTime } from './simulated-process.ts';
import { timers, type SimulatedWorld } from './world.ts';
import type { Trouble } from './troubles.ts';

type Announced = Extract<Trouble, { kind: 'notice' }>['notice'];

interface Machine {
  announce(notice: Announced, remainingMs: number): void;
  trouble(trouble: Extract<Trouble, { kind: 'trainer' }>['trouble']): void;
}

/** Machines at their places: the product's worker on each, and another one some minutes after one is lost. */
export class SimulatedWorkers {
  readonly #world: SimulatedWorld;
  readonly #machines = new Map<string, Machine>();

  constructor(world: SimulatedWorld) {
    this.#world = world;
    for (let place = 0; place < world.plan.places; place++) this.#come(place, 1);
  }

  machine(name: string): Machine | undefined {
    return this.#world.process(name) === undefined ? undefined : this.#machines.get(name);
  }

  #come(place: number, nth: number): void {
    const name = workerName(place, nth);
    const { world, random } = {
      world: this.#world,
      random: chanceOf(this.#world.plan.seed, `arrival of ${name}`),
    };
    // A machine comes in a minute or five; now and then nobody has one.
    const arrivalMs = nth === 1 ? between(random, 0, 120_000) : between(random, 45_000, 300_000);
    world.timeline.after(arrivalMs, () => this.#start(place, nth));
  }

  #start(place: number, nth: number): void {
    const world = this.#world;
    const name = workerName(place, nth);
    const random = chanceOf(world.plan.seed, `machine ${name}`);
    const connected = world.connect(name, between(random, -120_000, 120_000));
    const { process, store, queue } = connected;
    const { clock } = process;
    world.note(`${name} starts`);
    process.onDeath(() => this.#come(place, nth + 1));
    const disk = new MemoryDisk();
    const notices: Notice[] = [];
    const watch = new NoticeWatch({
      sources: [{ name: 'test', poll: () => Promise.resolve(notices.at(-1)) }],
      clock,
      log: silentLog,
      pollMs: timers.noticePollMs,
    });
    const log = world.log(name);
    const trainers = simulatedTrainers({
      machine: process,
      disk,
      jobOf: (jobId) => {
        const job = world.jobs.get(jobId);
        if (job === undefined) throw new Error(`nobody knows job ${jobId}`);
        return job;
      },
      onWrongBytes: (what) => world.broken('restoredBytesAreThoseOfTheStep', what),
    });
    this.#machines.set(name, {
      announce: (kind, remainingMs) => void notices.push(noticeOf(kind, remainingMs, world.timeline.nowMs)),
      trouble: trainers.trouble,
    });
    const fleet = new FleetPlace({ membership: loneMachine, clock, log });
    watch.start();
    const worker: World = {
      store,
      queue,
      transfer: disk.transfer({ store, clock, random: process.random, log }),
      notices: watch,
      fleet,
      clock,
      random: process.random,
      log,
      timers,
      instance: { id: name, type: 'simulated', zone: `zone-${place}` },
      workDir: `/${name}/work`,
      stagingDir: `/${name}/staging`,
      folders: disk.folders,
      startTrainer: trainers.start,
      openStore: () => Promise.reject(new Error('no other store is there')),
    };
    void endOf(worker).then((how) => {
      world.note(`${name} ended: ${how}`);
      world.tell({ kind: 'said', by: name, text: how });
      process.die();
    });
  }
}

/** As a worker's process ends. */
async function endOf(world: World): Promise<string> {
  try {
    await using _place = world.fleet;
    return `exit code ${await runWorker(world)}`;
  } catch (error) {
    return `${error instanceof Error ? error.name : 'error'}: ${messageOf(error)}`;
  }
}

function noticeOf(kind: Announced, remainingMs: number, nowMs: number): Notice {
  const at = new Date(startOfTime + nowMs + remainingMs);
  switch (kind) {
    case 'spot':
      return { kind: 'spot-interruption', action: 'terminate', at, remainingMs };
    case 'hibernate':
      return { kind: 'spot-interruption', action: 'hibernate', at, remainingMs: 0 };
    case 'lifecycle':
      return { kind: 'target-lifecycle-state', state: 'Terminated' };
    case 'signal':
      return { kind: 'process-signal', signal: 'SIGTERM' };
    case 'rebalance':
      return { kind: 'rebalance-recommendation', noticedAt: new Date(startOfTime + nowMs) };
  }
}
