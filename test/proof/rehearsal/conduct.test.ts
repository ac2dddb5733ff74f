import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { fold } from '../../../lib/journal/fold.ts';
import { conduct, type Stage } from '../../../proof/rehearsal/conduct.ts';
import { scenarioSchema } from '../../../proof/rehearsal/scenario.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { journalOf, soakedFacts } from '../soak/a-soaked-job.ts';

const untouched = (): never => {
  throw new Error('nothing is there to be touched');
};

/** A job that nobody trains, and that is over after one second. */
function shortJob(): Stage & { readonly clock: ReturnType<typeof manualClock>; readonly acts: unknown[] } {
  const clock = manualClock();
  const acts: unknown[] = [];
  const look: Stage['watcher']['look'] = async () => {
    const facts = clock.monotonicMs() < 1_000 ? soakedFacts.slice(0, 1) : soakedFacts;
    return { state: fold(journalOf(facts)), heartbeat: undefined };
  };
  const market = {
    instances: [],
    find: untouched,
    interrupt: untouched,
    withdraw: untouched,
    kill: untouched,
    recommendRebalance: untouched,
  };
  const until: Stage['watcher']['until'] = async (_what, found) => {
    for (;;) {
      const result = found(await look());
      if (result !== undefined) return result;
      await clock.sleep(100);
    }
  };
  return {
    clock,
    acts,
    market,
    watcher: { look, until },
    random: seededRandom(1),
    signal: new AbortController().signal,
    onAct: (act) => acts.push(act),
  };
}

describe('conduct', () => {
  it.each([
    ['an event that comes later', { do: 'kill', when: 'any', afterSeconds: 3_600 }],
    ['a storm with long pauses', { do: 'storm', times: 2, everySeconds: 3_600, whileTraining: 0 }],
    ['an attempt that never trains', { do: 'kill' }],
  ])('waits for %s no longer than the job lasts', async (_, event) => {
    const stage = shortJob();
    const scenario = scenarioSchema.parse({ format: 1, about: 'Late.', events: [event] });
    let done: number | undefined;
    const conducted = conduct(scenario, stage).then((times) => (done = times));
    await stage.clock.advance(2_000);
    expect(done).toBe(0);
    await conducted;
    expect(stage.acts).toEqual([]);
  });
});
