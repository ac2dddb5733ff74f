import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { NotFoundError, TransientError } from '../../lib/base/errors.ts';
import { stillRunning } from '../../local/process-tree.ts';
import { marketWorld, workerScripts } from '../support/market-world.ts';

const { report, stay, family } = workerScripts;
const quick = { failuresMax: 3, delayMs: 10, delayMsMax: 20, livedMs: 60_000 };
const patient = { timeout: 10_000, interval: 20 };

describe('SpotMarket', () => {
  it('starts each worker with a metadata service and a disk of its own, in zones that rotate', async () => {
    const script = `
      const { writeFileSync } = require('node:fs');
      const base = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '/latest/';
      (async () => {
        const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };
        const token = await (await fetch(base + 'api/token', { method: 'PUT', headers: ttl })).text();
        const read = async (path) =>
          (await fetch(base + 'meta-data/' + path, { headers: { 'x-aws-ec2-metadata-token': token } })).text();
        const id = await read('instance-id');
        const facts = { id, type: await read('instance-type'), zone: await read('placement/availability-zone'),
          workDir: process.env.HOLDFAST_WORK_DIR, given: process.env.OUT };
        writeFileSync(process.env.OUT + '/' + id, JSON.stringify(facts));
        setInterval(() => {}, 1000);
      })();`;
    await using world = marketWorld(script, { workers: 3 });
    const started = await Promise.all([1, 2, 3].map((nth) => world.tape.nth('instance-started', nth)));
    expect(started.map(({ instance }) => instance.zone).toSorted()).toEqual([
      'local-1a',
      'local-1b',
      'local-1c',
    ]);
    for (const { instance } of started) {
      expect(instance.id).toMatch(/^i-[0-9a-f]{17}$/);
      const file = join(world.outDir, instance.id);
      const facts: unknown = await vi.waitFor(() => JSON.parse(readFileSync(file, 'utf8')), patient);
      expect(facts).toEqual({
        ...instance,
        type: 'local.cpu',
        workDir: join(world.instancesDir, instance.id, 'work'),
        given: world.outDir,
      });
    }
  });

  it('kills the whole family at the deadline of a notice, whatever it does, and starts a replacement at once', async () => {
    await using world = marketWorld(report + family + stay);
    const { instance } = await world.tape.nth('instance-started', 1);
    await vi.waitFor(() => expect(world.reportedPids()).toHaveLength(3), patient);
    const victims = world.reportedPids();
    const { gone, deadline } = world.market.interrupt(instance.id, { noticeMs: 3_000 });
    await world.tape.nth('instance-started', 2);
    expect(deadline.remainingMs()).toBeGreaterThan(0);
    expect(stillRunning(victims)).toHaveLength(3);
    await gone;
    expect(deadline.remainingMs()).toBe(0);
    expect(stillRunning(victims)).toEqual([]);
    expect(await world.tape.nth('killed', 1)).toMatchObject({ instanceId: instance.id, why: 'deadline' });
  });

  it('announces the notice over the metadata service before it kills', async () => {
    const script = `
      ${report}
      const base = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '/latest/';
      const poll = async () => {
        const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };
        const token = await (await fetch(base + 'api/token', { method: 'PUT', headers: ttl })).text();
        const headers = { 'x-aws-ec2-metadata-token': token };
        const answer = await fetch(base + 'meta-data/spot/instance-action', { headers });
        if (answer.status === 200) fs.writeFileSync(process.env.OUT + '/notice', await answer.text());
        setTimeout(poll, 20);
      };
      poll();`;
    await using world = marketWorld(script);
    const { instance } = await world.tape.nth('instance-started', 1);
    await vi.waitFor(() => expect(world.reportedPids()).toHaveLength(1), patient);
    world.market.interrupt(instance.id, { noticeMs: 60_000, action: 'stop' });
    const file = join(world.outDir, 'notice');
    const seen: unknown = await vi.waitFor(() => JSON.parse(readFileSync(file, 'utf8')), patient);
    expect(seen).toMatchObject({ action: 'stop' });
    expect(world.tape.all('killed')).toEqual([]);
  });

  it('leaves an instance whose worker handed over until its deadline, then kills what is left of it', async () => {
    const script = `
      ${report}
      if (fs.existsSync(process.env.OUT + '/second')) { ${stay} }
      else {
        fs.writeFileSync(process.env.OUT + '/second', '');
        ${family}
        setInterval(() => fs.existsSync(process.env.OUT + '/leave') && process.exit(75), 10);
      }`;
    await using world = marketWorld(script);
    const { instance } = await world.tape.nth('instance-started', 1);
    await vi.waitFor(() => expect(world.reportedPids()).toHaveLength(3), patient);
    const household = world.reportedPids();
    const { gone } = world.market.interrupt(instance.id, { noticeMs: 3_000 });
    writeFileSync(join(world.outDir, 'leave'), '');
    expect(await world.tape.nth('exited', 1)).toMatchObject({ instanceId: instance.id, code: 75 });
    expect(world.market.instances.map((each) => each.instance.id)).toContain(instance.id);
    expect(stillRunning(household)).toHaveLength(2);
    await gone;
    expect(stillRunning(household)).toEqual([]);
    expect(world.market.instances).toHaveLength(1);
  });

  it('takes a second notice for the same instance for the first', async () => {
    await using world = marketWorld(stay);
    const { instance } = await world.tape.nth('instance-started', 1);
    const first = world.market.interrupt(instance.id, { noticeMs: 600 });
    const second = world.market.interrupt(instance.id, { noticeMs: 60_000 });
    expect(second.deadline.atMonotonicMs).toBe(first.deadline.atMonotonicMs);
    await second.gone;
    expect(world.tape.all('notice')).toHaveLength(1);
  });

  it('kills without notice: nothing of the instance runs any more when `kill` resolves', async () => {
    await using world = marketWorld(report + family + stay);
    const { instance } = await world.tape.nth('instance-started', 1);
    await vi.waitFor(() => expect(world.reportedPids()).toHaveLength(3), patient);
    const victims = world.reportedPids();
    await world.market.kill(instance.id);
    expect(stillRunning(victims)).toEqual([]);
    expect(world.tape.all('killed')).toMatchObject([{ instanceId: instance.id, why: 'no-notice' }]);
    expect((await world.tape.nth('instance-started', 2)).instance.id).not.toBe(instance.id);
  });

  it('removes the disk of an instance with it and keeps its log', async () => {
    await using world = marketWorld(`console.log('hello'); console.error('and beware'); ${report}${stay}`);
    const { instance, logFile } = await world.tape.nth('instance-started', 1);
    await vi.waitFor(() => expect(world.reportedPids()).toHaveLength(1), patient);
    await world.market.kill(instance.id);
    expect(readdirSync(join(world.instancesDir, instance.id))).toEqual(['worker.log']);
    expect(readFileSync(logFile, 'utf8')).toBe('hello\nand beware\n');
  });

  it('gives a drained instance back, and fills its place only when jobs wait', async () => {
    let areWaiting = false;
    let questions = 0;
    const jobsWait = async (): Promise<boolean> => {
      questions++;
      return areWaiting;
    };
    await using world = marketWorld('process.exit(0)', { jobsWait, scalePollMs: 20 });
    await world.tape.nth('killed', 1);
    await vi.waitFor(() => expect(questions).toBeGreaterThan(3), patient);
    expect(world.tape.all('instance-started')).toHaveLength(1);
    areWaiting = true;
    await world.tape.nth('instance-started', 2);
  });

  it('keeps the place empty while nobody can say whether jobs wait', async () => {
    let questions = 0;
    const jobsWait = async (): Promise<boolean> => {
      if (++questions < 3) throw new TransientError('the queue is locked.');
      return true;
    };
    await using world = marketWorld('process.exit(0)', { jobsWait, scalePollMs: 20 });
    await world.tape.nth('instance-started', 2);
    expect(questions).toBeGreaterThanOrEqual(3);
  });

  it('stops with its reason when a worker refuses its configuration', async () => {
    await using world = marketWorld('process.exit(78)', { workers: 2 });
    const end = await world.market.ended;
    expect(end).toMatchObject({ reason: 'configuration' });
    expect(end).toHaveProperty('message', expect.stringContaining('worker.log'));
    expect(world.market.instances).toEqual([]);
    expect(world.tape.all('stopped')).toHaveLength(1);
  });

  it('replaces a worker that fails, later each time, and gives up at its limit', async () => {
    await using world = marketWorld('process.exit(70)', { failureLimits: quick });
    const end = await world.market.ended;
    expect(end).toMatchObject({ reason: 'workers-keep-failing' });
    expect(world.tape.all('exited').map(({ code }) => code)).toEqual([70, 70, 70]);
    expect(world.tape.all('instance-started')).toHaveLength(3);
  });

  it('counts no failures as in a row between which a machine served for long', async () => {
    let laterMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
    // The third machine and the fifth stay, the others fail.
    const nth = 'n=$(ls "$OUT" | wc -l); touch "$OUT/$n"; case $n in 2|4) exec sleep 1000;; esac; exit 70';
    await using world = marketWorld('', {
      command: ['/bin/sh', '-c', nth],
      failureLimits: quick,
      clock,
    });
    const third = await world.tape.nth('instance-started', 3);
    await vi.waitFor(() => expect(readdirSync(world.outDir)).toHaveLength(3), patient);
    laterMs = quick.livedMs;
    await world.market.kill(third.instance.id);
    const end = world.market.ended.then(({ reason }) => reason);
    const fifth = world.tape.nth('instance-started', 5).then(() => 'a fifth machine');
    await expect(Promise.race([end, fifth])).resolves.toBe('a fifth machine');
  });

  it('loses no place to workers that end while their launch is still being finished', async () => {
    await using world = marketWorld('', {
      workers: 3,
      command: ['/bin/sh', '-c', 'exit 70'],
      failureLimits: { failuresMax: 25, delayMs: 0, delayMsMax: 0, livedMs: 60_000 },
    });
    await expect(world.market.ended).resolves.toMatchObject({ reason: 'workers-keep-failing' });
    expect(world.tape.all('exited').length).toBeGreaterThanOrEqual(25);
  });

  it('takes a worker that hands over without a notice for a failure', async () => {
    await using world = marketWorld('process.exit(75)', { failureLimits: quick });
    await expect(world.market.ended).resolves.toMatchObject({ reason: 'workers-keep-failing' });
  });

  it('replaces an instance that something else killed', async () => {
    await using world = marketWorld(report + stay, { failureLimits: quick });
    const { pid, instance } = await world.tape.nth('instance-started', 1);
    await vi.waitFor(() => expect(world.reportedPids()).toHaveLength(1), patient);
    process.kill(-pid, 'SIGKILL');
    expect(await world.tape.nth('exited', 1)).toMatchObject({ instanceId: instance.id, code: null });
    await world.tape.nth('instance-started', 2);
  });

  it('says how a worker ended that a signal killed', async () => {
    await using world = marketWorld(`process.kill(process.pid, 'SIGKILL')`, { failureLimits: quick });
    expect(await world.tape.nth('exited', 1)).toMatchObject({ code: 137 });
  });

  it('gives up on a command that does not exist', async () => {
    await using world = marketWorld('', { command: ['/nonexistent/worker'], failureLimits: quick });
    await world.market.ended;
    expect(world.tape.all('exited').map(({ code }) => code)).toEqual([127, 127, 127]);
  });

  it('leaves nothing behind when it is disposed, not even what is just booting', async () => {
    const world = marketWorld(report + family + stay, { workers: 2, bootMs: 60_000 });
    await world.tape.nth('instance-started', 2);
    await vi.waitFor(() => expect(world.reportedPids()).toHaveLength(6), patient);
    const pids = world.reportedPids();
    const [first] = world.market.instances;
    world.market.interrupt(first?.instance.id ?? '', { noticeMs: 60_000 });
    await world.market[Symbol.asyncDispose]();
    expect(stillRunning(pids)).toEqual([]);
    expect(world.tape.all('instance-started')).toHaveLength(2);
    expect(world.tape.events.at(-1)).toMatchObject({ kind: 'stopped', end: { reason: 'disposed' } });
    await world[Symbol.asyncDispose]();
    expect(existsSync(world.instancesDir)).toBe(false);
  });

  it('knows no instance that is gone', async () => {
    await using world = marketWorld(stay);
    const { instance } = await world.tape.nth('instance-started', 1);
    await world.market.kill(instance.id);
    await expect(world.market.kill(instance.id)).rejects.toThrow(NotFoundError);
    expect(() => world.market.interrupt(instance.id)).toThrow(NotFoundError);
    expect(() => world.market.recommendRebalance('i-unknown')).toThrow(NotFoundError);
  });
});
