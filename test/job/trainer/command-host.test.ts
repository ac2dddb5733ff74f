import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { type CommandProgram, commandProgramSchema } from '../../../lib/contract/job-spec.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { encodeDocument } from '../../../lib/contract/parse-document.ts';
import { encodeTicket } from '../../../lib/contract/ticket.ts';
import { timersFrom } from '../../../lib/contract/timers.ts';
import type { Notice } from '../../../lib/interruption/notice.ts';
import { loneMachine } from '../../../lib/fleet/lone-machine.ts';
import { NoticeWatch } from '../../../lib/interruption/notice-watch.ts';
import type { JobState } from '../../../lib/journal/job-state.ts';
import { openJournal } from '../../../lib/journal/journal.ts';
import { MemoryJobQueue } from '../../../lib/queue/memory-job-queue.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { startCommandHost } from '../../../job/trainer/command-host.ts';
import { FleetPlace } from '../../../job/fleet-place.ts';
import { inProcessTransfer } from '../../../job/transfer/transfer.ts';
import { runWorker } from '../../../job/worker.ts';

const plainTrainer = join(import.meta.dirname, '..', '..', 'support', 'plain-trainer.mjs');

interface CommandWorld {
  readonly store: MemoryObjectStore;
  readonly stateOf: () => Promise<JobState>;
  readonly submit: (args: readonly string[], rules?: Partial<CommandProgram>) => Promise<void>;
  /** A worker of its own machine: folders that no other has. */
  readonly startWorker: (notices?: Notice[]) => Promise<number>;
  /** Bytes of the newest checkpoint's only file. */
  readonly result: () => Promise<unknown>;
}

/** Store and queue of one test: most of the time all of them wait, so they run at once. */
function commandWorld(dir: string): CommandWorld {
  const store = new MemoryObjectStore();
  const queue = new MemoryJobQueue();
  const ports = () => ({ store, clock: systemClock, random: seededRandom(3) });
  const stateOf = async (): Promise<JobState> => (await openJournal(ports(), 'job')).state;
  let workers = 0;
  return {
    store,
    stateOf,
    async submit(args, rules = {}) {
      const program = commandProgramSchema.parse({
        kind: 'command',
        command: [process.execPath, plainTrainer, ...args],
        checkpoints: { match: 'checkpoint-*', complete: { by: 'rename' } },
        ...rules,
      });
      const body = encodeDocument({
        format: 1,
        jobId: 'job',
        name: 'job',
        createdAt: new Date().toISOString(),
        program,
      });
      const key = objectKeys.spec('job', 1);
      await store.put(key, body);
      const journal = await openJournal(ports(), 'job');
      await journal.append(() => ({
        kind: 'submitted',
        claim: null,
        name: 'job',
        store: store.uri,
        spec: { key, sha256: sha256Hex(body) },
      }));
      await queue.send(encodeTicket('job'));
    },
    async startWorker(notices = []) {
      const machine = join(dir, `machine-${++workers}`);
      await using watch = new NoticeWatch({
        sources: [{ name: 'test', poll: () => Promise.resolve(notices.at(-1)) }],
        clock: systemClock,
        log: silentLog,
        pollMs: 20,
      });
      watch.start();
      return await runWorker(
        {
          ...ports(),
          queue,
          transfer: inProcessTransfer,
          notices: watch,
          fleet: new FleetPlace({ membership: loneMachine, clock: systemClock, log: silentLog }),
          log: silentLog,
          instance: { id: `i-${workers}`, type: 'test', zone: 'test-1a' },
          timers: { ...timersFrom({ heartbeatMs: 300, visibilityMs: 1_500 }), noticePollMs: 20 },
          workDir: join(machine, 'work'),
          stagingDir: join(machine, 'staging'),
          startTrainer: (order, events) => startCommandHost(order, events, systemClock),
          openStore: () => Promise.reject(new Error('no other store')),
        },
        { once: true },
      );
    },
    async result() {
      const newest = (await stateOf()).checkpoints.at(-1);
      const manifest: { files: { path: string; chunks: { key: string }[] }[] } = JSON.parse(
        new TextDecoder().decode((await store.get(newest?.manifest.key ?? ''))?.body),
      );
      const [file] = manifest.files;
      const body = (await store.get(file?.chunks[0]?.key ?? ''))?.body;
      return { path: file?.path, state: JSON.parse(new TextDecoder().decode(body)) };
    },
  };
}

/** What the program computes when nobody disturbs it. */
function undisturbed(steps: number): { step: number; sum: number } {
  let sum = 1;
  for (let step = 1; step <= steps; step++) sum = (sum * 31 + step) % 1_000_003;
  return { step: steps, sum };
}

const until = async (isTrue: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 800; tries++) {
    if (await isTrue()) return;
    await systemClock.sleep(25);
  }
  throw new Error('never came true');
};

/** Tests that run at once have to clean up by what they are given themselves. */
function folder(context: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-command-'));
  context.onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

describe.concurrent('a program that knows nothing of Holdfast', () => {
  it('runs to its end, and its last checkpoint is the result', async (context) => {
    const { stateOf, submit, startWorker, result } = commandWorld(folder(context));
    await submit(['30', '7', '3']);
    expect(await startWorker()).toBe(0);
    expect(await stateOf()).toMatchObject({
      status: 'completed',
      end: { step: 30, reason: 'the program ended' },
    });
    expect(await result()).toEqual({ path: 'checkpoint-30/state.json', state: undisturbed(30) });
  });

  it('has its last checkpoint saved also when the two before it are still on their way', async (context) => {
    const { store, submit, startWorker, result } = commandWorld(folder(context));
    const put = store.put.bind(store);
    store.put = async (key, ...rest) => {
      if (key.includes('/checkpoints/')) await systemClock.sleep(800);
      return put(key, ...rest);
    };
    await submit(['40', '5', '20']);
    expect(await startWorker()).toBe(0);
    expect(await result()).toEqual({ path: 'checkpoint-40/state.json', state: undisturbed(40) });
  });

  it('goes on from its own checkpoint on another machine after a notice, where only that checkpoint lies', async (context) => {
    const { store, stateOf, submit, startWorker, result } = commandWorld(folder(context));
    await submit(['400', '5', '10']);
    const notices: Notice[] = [];
    const first = startWorker(notices);
    await until(async () => (await stateOf()).checkpoints.length > 0);
    notices.push({ kind: 'spot-interruption', action: 'terminate', at: new Date(), remainingMs: 3_000 });
    expect(await first).toBe(75);
    const handedOver = (await stateOf()).checkpoints.at(-1)?.step ?? 0;
    expect(handedOver).toBeGreaterThan(0);
    expect(handedOver).toBeLessThan(400);
    expect(await startWorker()).toBe(0);
    const state = await stateOf();
    expect(state).toMatchObject({
      status: 'completed',
      totals: { claims: 2, interruptions: 1 },
      strikes: { total: 0 },
    });
    expect(await result()).toEqual({ path: 'checkpoint-400/state.json', state: undisturbed(400) });
    const { objects } = await store.list(objectKeys.logSegments('job', state.newestClaim));
    const bodies = await Promise.all(objects.map(async ({ key }) => (await store.get(key))?.body));
    const logs = bodies.map((body) => new TextDecoder().decode(body)).join('');
    expect(logs).toContain(`going on from checkpoint-${handedOver}`);
  });

  it('saves at once on the signal that it declares', async (context) => {
    const { stateOf, submit, startWorker } = commandWorld(folder(context));
    await submit(['4000', '500', '5', 'SIGUSR2'], { onNotice: { signal: 'SIGUSR2' } });
    const notices: Notice[] = [];
    const worker = startWorker(notices);
    await until(async () => (await stateOf()).checkpoints.length > 0);
    const askedAtMs = systemClock.monotonicMs();
    notices.push({ kind: 'spot-interruption', action: 'terminate', at: new Date(), remainingMs: 30_000 });
    expect(await worker).toBe(75);
    expect(systemClock.monotonicMs() - askedAtMs).toBeLessThan(10_000);
    const newest = (await stateOf()).checkpoints.at(-1);
    expect(newest).toMatchObject({ reason: 'notice' });
    // Not one of the steps at which the program saves by itself.
    expect((newest?.step ?? 0) % 500).not.toBe(0);
  });

  it('gets no signal that it does not declare, but for a last SIGTERM', async (context) => {
    const { stateOf, submit, startWorker } = commandWorld(folder(context));
    // The program dies of SIGUSR2 and has no checkpoint yet: had it been signalled early, nothing would be left to wait for.
    await submit(['4000', '5', '10']);
    const notices: Notice[] = [];
    const worker = startWorker(notices);
    await until(async () => (await stateOf()).checkpoints.length > 0);
    const before = (await stateOf()).checkpoints.at(-1)?.step ?? 0;
    notices.push({ kind: 'spot-interruption', action: 'terminate', at: new Date(), remainingMs: 9_000 });
    expect(await worker).toBe(75);
    // It trained on for some seconds after the notice.
    expect((await stateOf()).checkpoints.at(-1)?.step ?? 0).toBeGreaterThan(before + 50);
  });

  it('that throws has failed at the second try, with its own words', async (context) => {
    const { stateOf, submit, startWorker } = commandWorld(folder(context));
    await submit(['60', '5', '2', 'throw']);
    const worker = startWorker();
    await until(async () => (await stateOf()).status === 'failed');
    expect((await stateOf()).end?.message).toMatch(/exited with code 1/);
    expect(await worker).toBe(0);
    expect((await stateOf()).checkpoints.at(-1)?.step).toBe(5);
  });

  it('that ends without a checkpoint has failed, and is told where checkpoints are looked for', async (context) => {
    const { stateOf, submit, startWorker } = commandWorld(folder(context));
    await submit(['3', '5', '1'], { checkpoints: { match: 'elsewhere-*', complete: { by: 'rename' } } });
    const worker = startWorker();
    await until(async () => (await stateOf()).status === 'failed');
    expect((await stateOf()).end?.message).toMatch(
      /without writing any checkpoint that matches elsewhere-\*/,
    );
    await worker;
  });

  it('that cannot be started has failed with the reason', async (context) => {
    const { stateOf, submit, startWorker } = commandWorld(folder(context));
    await submit([], { command: ['/no/such/program'] });
    const worker = startWorker();
    await until(async () => (await stateOf()).status === 'failed');
    expect((await stateOf()).end?.message).toMatch(/exited with code 127|cannot start/);
    await worker;
  });
});

describe('the guardian', () => {
  it('kills the program with its helpers when the supervisor is gone', async (context) => {
    const dir = folder(context);
    const { spawn } = await import('node:child_process');
    const guardian = join(import.meta.dirname, '..', '..', '..', 'dist', 'job', 'trainer', 'guardian.js');
    const pidFile = join(dir, 'pids');
    mkdirSync(join(dir, 'checkpoints'));
    writeFileSync(
      join(dir, 'family.mjs'),
      `import { spawn } from 'node:child_process'; import { appendFileSync } from 'node:fs';
       const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
       appendFileSync(${JSON.stringify(pidFile)}, process.pid + ' ' + child.pid); setInterval(() => {}, 1000);`,
    );
    const leader = spawn(process.execPath, [guardian, process.execPath, join(dir, 'family.mjs')], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    await until(() => Promise.resolve(readdirSync(dir).includes('pids')));
    await systemClock.sleep(50);
    const pids = readFileSync(pidFile, 'utf8').split(' ').map(Number);
    leader.stdio[3]?.destroy();
    await until(() => Promise.resolve(pids.every((pid) => !isAlive(pid))));
    expect(pids).toHaveLength(2);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie that nobody has reaped yet does not run any more.
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
