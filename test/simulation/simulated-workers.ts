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
import { type SimulatedProcess, startOfTime } from './simulated-process.ts';
import { simulatedTrainers, type TrainerTrouble } from './simulated-trainer.ts';
import { timers, type SimulatedWorld } from './world.ts';
import type { Trouble } from './troubles.ts';

type Announced = Extract<Trouble, { kind: 'notice' }>['notice'];

/** Machines at their places: the product's worker on each, and another one some minutes after one is lost. */
export function startMachines(world: SimulatedWorld): void {
  for (let place = 0; place < world.plan.places; place++) order(world, place, 1);
}

function order(world: SimulatedWorld, place: number, nth: number): void {
  const random = chanceOf(world.plan.seed, `arrival of ${workerName(place, nth)}`);
  const arrivalMs = nth === 1 ? between(random, 0, 120_000) : between(random, 45_000, 300_000);
  world.timeline.after(arrivalMs, () => start(world, place, nth));
}

function start(world: SimulatedWorld, place: number, nth: number): void {
  const name = workerName(place, nth);
  const random = chanceOf(world.plan.seed, `machine ${name}`);
  const connected = world.connect(name, between(random, -120_000, 120_000));
  const { process, store, queue } = connected;
  const { clock } = process;
  world.note(`${name} starts`);
  process.onDeath(() => order(world, place, nth + 1));
  const disk = new MemoryDisk();
  const log = world.log(name);
  const notices: Notice[] = [];
  const watch = new NoticeWatch({
    sources: [{ name: 'simulated', poll: () => Promise.resolve(notices.at(-1)) }],
    clock,
    log: silentLog,
    pollMs: timers.noticePollMs,
  });
  watch.start();
  const trainers = simulatedTrainers({
    machine: process,
    disk,
    jobOf: (jobId) => world.jobOf(jobId),
    onWrongBytes: (what) => world.broken('restoredBytesAreThoseOfTheStep', what),
  });
  befall(world, process, { notices, trouble: trainers.trouble });
  const worker: World = {
    store,
    queue,
    transfer: disk.transfer({ store, clock, random: process.random, log }),
    notices: watch,
    fleet: new FleetPlace({ membership: loneMachine, clock, log }),
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
    process.end();
  });
}

/** What was planned for this machine, from its start on. */
function befall(
  world: SimulatedWorld,
  machine: SimulatedProcess,
  {
    notices,
    trouble: put,
  }: { readonly notices: Notice[]; readonly trouble: (trouble: TrainerTrouble) => void },
): void {
  const { timeline } = world;
  const { name } = machine;
  for (const trouble of world.plan.troubles) {
    if (
      !('process' in trouble) ||
      trouble.process !== name ||
      trouble.kind === 'request' ||
      trouble.kind === 'operator'
    )
      continue;
    timeline.after(trouble.atMs, () => {
      if (machine.isDead || world.isCalm) return false;
      switch (trouble.kind) {
        case 'death':
          machine.die();
          return true;
        case 'freeze':
          world.note(`${name} stands still for ${trouble.forMs} ms`);
          machine.freeze(trouble.forMs, trouble);
          return true;
        case 'clock-jump':
          machine.jump(trouble.byMs);
          return true;
        case 'notice': {
          const { notice, killedAfterMs } = trouble;
          world.note(`${name} is told of ${notice}, to be killed after ${killedAfterMs} ms`);
          notices.push(noticeOf(notice, 120_000, timeline.nowMs));
          if (killedAfterMs !== undefined) timeline.after(killedAfterMs, () => machine.die());
          return true;
        }
        case 'trainer':
          world.note(`the trainer of ${name}: ${trouble.trouble}`);
          put(trouble.trouble);
          return true;
      }
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
