import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../lib/base/errors.ts';
import { loadScenario } from '../../../proof/rehearsal/load-scenario.ts';
import { namedScenarios } from '../../../proof/rehearsal/named-scenarios.ts';
import { plannedEvents, scenarioSchema } from '../../../proof/rehearsal/scenario.ts';
import { tempDir } from '../../support/temp-dir.ts';

function written(document: unknown): string {
  const file = join(tempDir(), 'mine.json');
  writeFileSync(file, typeof document === 'string' ? document : JSON.stringify(document));
  return file;
}
const load = async (document: unknown): ReturnType<typeof loadScenario> =>
  loadScenario(written(document), '/');

/** Every field that a scenario may have. */
const everything = {
  format: 1,
  about: 'All of it.',
  seed: 7,
  workers: 2,
  noticeSeconds: 6,
  bootSeconds: 0.2,
  heartbeatSeconds: 1,
  visibilitySeconds: 4,
  save: { everySteps: 5, everySeconds: 1, everyEpochs: 1 },
  events: [
    {
      do: 'notice',
      when: 'any',
      afterSeconds: 1,
      times: 2,
      noticeSeconds: 2,
      action: 'stop',
      moving: true,
      carriedOut: false,
      killAfterSeconds: 1,
      withdrawAfterSeconds: 2,
    },
    { do: 'kill' },
    { do: 'storm', times: 3, everySeconds: 2, noNotice: 0.5, whileTraining: 0.7, noticeSeconds: 3 },
    { do: 'rebalance' },
    { do: 'freeze', thawAfterSeconds: 1 },
    { do: 'imds', fault: { kind: 'slow', ms: 5 }, forSeconds: 3 },
  ],
  faults: {
    store: { unavailable: 0.1, refused: 0.1, when: { fromSeconds: 1, forSeconds: 1, everySeconds: 2 } },
    queue: { 'lost-answer': 0.1 },
    network: { latencyMs: 5, bytesPerSecond: 5_000 },
    disk: { fullWhen: { fromSeconds: 1 } },
    clock: { jumps: [{ atSeconds: 1, bySeconds: -5 }] },
  },
};

type Place = readonly string[];

/** Paths to everything in a document, the document itself included. */
function placesIn(value: unknown, above: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [above];
  return [above, ...Object.entries(value).flatMap(([name, part]) => placesIn(part, [...above, name]))];
}

function at(value: unknown, [name, ...rest]: Place): unknown {
  return name === undefined ? value : at((value as Record<string, unknown>)[name], rest);
}

/** A copy with something else in one place, or, where that is an object, also with one more field. */
function bent(document: unknown, place: Place, value: unknown): unknown {
  const [name, ...rest] = place;
  if (name === undefined) return value;
  if (Array.isArray(document)) return document.with(Number(name), bent(document[Number(name)], rest, value));
  const entries = Object.entries(document as object);
  return Object.fromEntries(
    entries.map(([key, part]) => [key, key === name ? bent(part, rest, value) : part]),
  );
}

const hostile = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(-1, -0, 0.5, 1e-300, 1e308, 2 ** 31, 2 ** 53, '1e999', '', null, [], {}, true),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constant(JSON.parse('{"__proto__":{"polluted":true}}')),
  fc.constant(JSON.parse('{"constructor":{"prototype":{"polluted":true}}}')),
  fc.string({ maxLength: 5_000 }),
);

describe('loadScenario', () => {
  it('knows each scenario by its name, each with something that happens', async () => {
    for (const name of Object.keys(namedScenarios)) {
      const { scenario } = await loadScenario(name, '/');
      expect(scenario.about).not.toBe('');
      expect(plannedEvents(scenario)).toBeGreaterThan(0);
    }
  });

  it('reads a file, with defaults for what it leaves out', async () => {
    const file = written({ format: 1, about: 'Mine.', events: [{ do: 'kill', times: 2 }] });
    expect(await loadScenario('mine.json', dirname(file))).toMatchObject({
      name: 'mine',
      scenario: { workers: 1, save: { everySeconds: 1 }, events: [{ do: 'kill', when: 'training' }] },
    });
    expect((await loadScenario(file, '/')).name).toBe('mine');
  });

  it('names what is wrong with it', async () => {
    await expect(loadScenario('strom', '/')).rejects.toThrow(/no scenario `strom`/);
    await expect(load('{')).rejects.toThrow('JSON');
    const wrong = { format: 1, about: 'Mine.', events: [{ do: 'kill', tims: 2 }] };
    await expect(load(wrong)).rejects.toThrow(/events\.0.*tims/);
    const hasty = { format: 1, about: 'Mine.', heartbeatSeconds: 2, visibilitySeconds: 4 };
    await expect(load(hasty)).rejects.toThrow('three heartbeats');
    await expect(load(' '.repeat(300_000))).rejects.toThrow('256 KiB');
  });

  it('takes no file for a scenario that is none, and pollutes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (text) => {
        await expect(load(text)).rejects.toBeInstanceOf(UsageError);
      }),
      { numRuns: 50 },
    );
    await load('{"format":1,"about":"x","__proto__":{"polluted":true}}').catch(() => undefined);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('reads nothing but a file, and no more of it than a scenario may have', async () => {
    await expect(loadScenario(tempDir(), '/')).rejects.toThrow('no file');
    if (process.platform === 'linux') await expect(loadScenario('/dev/zero', '/')).rejects.toThrow('no file');
  });

  it.each([
    '{"events":'.repeat(20_000),
    '['.repeat(200_000),
    '{"a":'.repeat(40_000) + '1' + '}'.repeat(40_000),
  ])('survives what is nested too deep, by name (%#)', async (text) => {
    await expect(load(text)).rejects.toBeInstanceOf(UsageError);
  });

  it('refuses a scenario in which nothing happens, and one that waits for a machine that is not there', async () => {
    await expect(load({ format: 1, about: 'Calm.' })).rejects.toThrow('nothing happens');
    const alone = { format: 1, about: 'Ice.', events: [{ do: 'freeze' }] };
    await expect(load(alone)).rejects.toThrow('there is no other');
    await expect(load({ ...alone, workers: 2 })).resolves.toMatchObject({ name: 'mine' });
  });

  it('takes a scenario with one thing bent as it is meant, or names the thing, and never does anything else', async () => {
    const places = placesIn(everything);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), hostile, async (place, value) => {
        const text = JSON.stringify(bent(everything, place, value));
        const outcome = await load(text).catch((error: unknown) => error);
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(UsageError);
          expect(outcome.message.length).toBeLessThan(2_000);
          return;
        }
        // What was taken has nothing in it that nobody knows, and no number that is none.
        const { scenario } = outcome as Awaited<ReturnType<typeof loadScenario>>;
        expect(scenarioSchema.parse(scenario)).toEqual(scenario);
        for (const found of placesIn(scenario)) expect(Number.isNaN(at(scenario, found))).toBe(false);
      }),
      { numRuns: 400 },
    );
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('lets nothing last for ever', () => {
    const events = [{ do: 'imds', fault: { kind: 'cut' }, forSeconds: 1e9 }];
    expect(scenarioSchema.safeParse({ format: 1, about: 'x', events }).success).toBe(false);
  });
});
