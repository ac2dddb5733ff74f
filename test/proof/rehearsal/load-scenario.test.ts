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

  it('lets nothing last for ever', () => {
    const events = [{ do: 'imds', fault: { kind: 'cut' }, forSeconds: 1e9 }];
    expect(scenarioSchema.safeParse({ format: 1, about: 'x', events }).success).toBe(false);
  });
});
