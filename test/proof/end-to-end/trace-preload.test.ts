/** The preload that watches a trainer: it moves the process elsewhere, notes what the program asks, and changes nothing else. */
import { spawnSync } from 'node:child_process';
import { opendirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { tracedProcess } from '../../../proof/verify/trace/trace-process.ts';
import { readTraces } from '../../../proof/verify/trace/read-traces.ts';
import { bundleProgram } from '../../../lib/client/bundle-program.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { TrainerDriver } from '../../support/trainer-driver.ts';

const fixtures = join(import.meta.dirname, '..', '..', 'fixtures');
const script = join(fixtures, 'asks-the-machine.mjs');
const hourMs = 3_600_000;

/** What `asks-the-machine.mjs` prints. */
interface Told {
  readonly [list: string]: unknown;
  readonly now: number;
  readonly constructed: number;
  readonly laterNow: number;
  readonly origin: number;
  readonly zone: number;
  readonly host: readonly string[];
  readonly cwd: string;
  readonly globbed?: readonly (readonly string[])[];
}

function asked(disturbed: boolean): {
  told: Told;
  dir: string;
  cwd: string | undefined;
  folder: string;
} {
  const dir = tempDir();
  const folder = tempDir();
  for (const name of ['a.txt', 'b.txt', 'c.txt']) writeFileSync(join(folder, name), name);
  const orders = {
    format: 1,
    jobId: 'job',
    program: script,
    params: {},
    inputs: {},
    inputDigests: {},
    stagingDir: dir,
    save: {},
  };
  writeFileSync(join(dir, 'start.json'), JSON.stringify(orders));
  const { env, execArgv, cwd } = tracedProcess({ dir, disturbed, seed: 7 });
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [...execArgv, script, join(dir, 'start.json'), folder],
    {
      env,
      cwd,
      encoding: 'utf8',
    },
  );
  expect(stderr).toBe('');
  return { told: JSON.parse(stdout), dir, cwd, folder };
}

function* listed(folder: string): Iterable<string> {
  const dir = opendirSync(folder);
  for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) yield entry.name;
  dir.closeSync();
}

it('moves a process to another clock, zone, host, folder and order of directories', async () => {
  const { told, cwd, dir, folder } = asked(true);
  for (const list of ['sync', 'typed', 'promised', 'callback', 'promisified'])
    expect([list, told[list]]).toEqual([list, ['c.txt', 'b.txt', 'a.txt']]);
  // The file system's own order, backwards.
  const opened = [...listed(folder)].toReversed();
  for (const list of ['opened', 'openedSync', 'oneByOne']) expect([list, told[list]]).toEqual([list, opened]);
  if (told.globbed) for (const found of told.globbed) expect(found).toEqual(['c.txt', 'b.txt', 'a.txt']);
  const offsetMs = told.now - Date.now();
  expect(Math.abs(offsetMs)).toBeGreaterThan(4 * hourMs);
  for (const instant of ['constructed', 'laterNow', 'origin'] as const)
    expect(Math.abs(told[instant] - told.now)).toBeLessThan(hourMs / 60);
  expect(told.zone).not.toBe(new Date(0).getTimezoneOffset());
  expect(told.host[0]).toMatch(/^elsewhere-/);
  expect(told.host[0]).not.toBe(hostname());
  expect(told.host[1]).toBe(told.host[0]);
  expect(told.cwd).toBe(cwd);
  expect(dirname(told.cwd)).toBe(dir);
});

it('leaves a process that is only watched where it is, and everything the shape that it had', async () => {
  for (const disturbed of [false, true]) {
    const { told, dir } = asked(disturbed);
    if (!disturbed) {
      for (const list of ['sync', 'promised', 'callback', 'typed'])
        expect(told[list]).toEqual(['a.txt', 'b.txt', 'c.txt']);
      expect(Math.abs(told.now - Date.now())).toBeLessThan(hourMs / 60);
      expect(told.host[0]).toBe(hostname());
    }
    expect(told).toMatchObject({
      called: 'string',
      given: 5,
      later: 2,
      isDate: [true, true, true, 'Date', 7],
      end: null,
      closed: 'ERR_DIR_CLOSED',
      missing: 'ENOENT',
      counts: ['12', '12', false],
      environment: ['set', null, true],
      shapes: ['randomBytes', 2, 2, 0, true],
      bytes: 4,
      pid: 'number',
      drawn: 'number',
    });
    const [trace] = await readTraces(dir);
    const sources = new Set(trace?.calls.map(({ source }) => source));
    for (const source of [
      'Math.random',
      'crypto.randomBytes',
      'Date.now',
      'new Date',
      'fs.readdirSync',
      'fs.promises.readdir',
      'fs.opendirSync',
      'os.hostname',
      'process.pid',
      'process.cwd',
      'process.env.HOSTNAME',
      'performance.timeOrigin',
      'process.hrtime.bigint',
    ])
      expect(sources).toContain(source);
    const touched = trace?.files.map(({ source, path, isWritten }) =>
      [source, isWritten ? 'writes' : 'asks for', path.replace(/^.*-/, '')].join(' '),
    );
    expect(touched).toEqual([
      'fs.writeFileSync writes count.txt',
      'fs.appendFileSync writes count.txt',
      'fs.openSync writes count.txt',
      'fs.renameSync writes kept.txt',
      'fs.readFileSync asks for kept.txt',
      'fs.promises.readFile asks for kept.txt',
      'fs.existsSync asks for count.txt',
      'fs.openSync asks for kept.txt',
    ]);
    expect(new Set(trace?.calls.map(({ phase }) => phase))).toEqual(new Set(['importing']));
  }
});

it('changes no bit of what a program computes', async () => {
  const dir = tempDir();
  const program = join(dir, 'program.mjs');
  writeFileSync(program, (await bundleProgram(join(fixtures, 'resumable', 'everything-in-state.ts'))).code);
  const start = { backend: 'cpu' } as const;
  const plain = await new TrainerDriver({ program, dir, start }).finish();
  const traced = tracedProcess({ dir, disturbed: true, seed: 3 });
  const env = { ...traced.env, NODE_OPTIONS: traced.execArgv.join(' ') };
  const watched = await new TrainerDriver({ program, dir, start, env }).finish();
  expect(watched.digests).toEqual(plain.digests);
  const [trace] = await readTraces(dir);
  expect(trace?.looks.at(-1)?.step).toBe(20);
  expect(trace?.calls.map(({ source, phase }) => `${source} ${phase}`)).toContain('os.hostname setup');
  // The run's own chance is none of the machine's.
  expect(trace?.calls.filter(({ source }) => source.startsWith('Math'))).toEqual([]);
});
