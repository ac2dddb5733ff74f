import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exitCodes } from '../../../lib/contract/exit-codes.ts';
import { cliWorld } from '../../support/cli-world.ts';

const program = join(import.meta.dirname, '..', '..', 'programs', 'paced-net.ts');
const cpu = ['--backend', 'cpu'];
const temporary = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('holdfast-rehearsal-'));

/** Real processes: a region, a market, workers and trainers, each rehearsed job beside one that is left alone. */
describe('holdfast rehearse', () => {
  it('puts a program through a notice, a kill, a machine that wakes too late and a bad store, and loses nothing', async () => {
    const world = cliWorld();
    const scenario = join(world.cwd, 'rough.json');
    writeFileSync(
      scenario,
      JSON.stringify({
        format: 1,
        about: 'A bit of everything.',
        workers: 2,
        events: [{ do: 'freeze', thawAfterSeconds: 0.5 }, { do: 'kill' }, { do: 'notice' }],
        faults: {
          store: { unavailable: 0.05, 'lost-answer': 0.05 },
          clock: { jumps: [{ atSeconds: 2, bySeconds: 3_600 }] },
        },
      }),
    );
    const before = temporary();
    const picture = join(world.cwd, 'rough.svg');
    const { code, json, err } = await world.run([
      'rehearse',
      program,
      ...cpu,
      '--scenario',
      'rough.json',
      '--seed',
      '11',
      '--svg',
      picture,
      '--json',
    ]);
    const told = `${err}\n${JSON.stringify(json[0], null, 1)}`;
    expect(json[0], told).toMatchObject({
      passed: true,
      findings: [],
      seed: 11,
      steps: 300,
      done: 3,
      evidence: null,
      epochs: [0, 1, 2, 3, 4].map((epoch) => ({ epoch, examples: 240, distinct: 240 })),
    });
    expect(code).toBe(exitCodes.ok);
    const { digest, aloneDigest, attempts, faults } = json[0] as {
      digest: string;
      aloneDigest: string;
      attempts: unknown[];
      faults: Record<string, number>;
    };
    expect(digest).toBe(aloneDigest);
    expect(attempts.length).toBeGreaterThanOrEqual(4);
    expect(Object.keys(faults)).not.toEqual([]);
    expect(readFileSync(picture, 'utf8')).toContain('nothing was lost, repeated or different');
    expect(temporary()).toEqual(before);
  });

  it('finds a program that does not resume, and keeps what shows it', async () => {
    const world = cliWorld();
    const into = join(world.cwd, 'evidence');
    const { code, out, err } = await world.run([
      'rehearse',
      program,
      ...cpu,
      '--set',
      'careless=true',
      '--set',
      'epochs=2',
      '--scenario',
      'moving-deadline',
      '--into',
      into,
    ]);
    expect(code, err).toBe(exitCodes.checkFailed);
    expect(out).toContain('FAILED');
    expect(out).toContain('every step made the same numbers');
    expect(err).toContain(into);
    expect(existsSync(join(into, 'records', 'rehearsed'))).toBe(true);
  });

  it('rehearses a job by its spec, and touches nothing of the job itself', async () => {
    const world = cliWorld();
    const submitted = await world.run([
      'submit',
      program,
      ...cpu,
      '--set',
      'epochs=2',
      '--id',
      'mine',
      '--no-estimate',
    ]);
    expect(submitted.code, submitted.err).toBe(exitCodes.ok);
    const before = filesBelow(join(world.cwd, '.holdfast'));
    const { code, json, err } = await world.run([
      'rehearse',
      'mine',
      '--scenario',
      'rebalance-only',
      '--seed',
      '3',
      '--json',
    ]);
    const { evidence } = json[0] as { evidence: string | null };
    if (evidence !== null) onTestFinished(() => rmSync(evidence, { recursive: true, force: true }));
    expect(code, `${err}\n${JSON.stringify(json[0])}`).toBe(exitCodes.ok);
    expect(json[0]).toMatchObject({ passed: true, steps: 120, stepsLost: 0 });
    expect(filesBelow(join(world.cwd, '.holdfast'))).toEqual(before);
  });
});

/** Every file with its contents, but for what a store notes of its own locks. */
function filesBelow(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('.locks'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path} ${readFileSync(path, 'latin1')}`)
    .toSorted();
}
