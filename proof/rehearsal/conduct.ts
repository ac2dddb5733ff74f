import { defined } from '../../lib/base/assert.ts';
import { type Clock, pause } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import type { JobState, OpenClaim } from '../../lib/journal/job-state.ts';
import { interruptionPlan } from '../../local/interruption-plan.ts';
import type { SpotInstance } from '../../local/spot-instance.ts';
import type { SpotMarket } from '../../local/spot-market.ts';
import type { JobWatcher } from './job-watcher.ts';
import type { Scenario, ScenarioEvent, ScenarioEventOf } from './scenario.ts';

/** Something that was done to a machine. */
export interface Act {
  readonly at: Date;
  readonly kind: 'notice' | 'kill' | 'withdraw' | 'rebalance' | 'freeze' | 'thaw' | 'imds';
  readonly instanceId: string;
  /** For people. */
  readonly what: string;
}

export interface Stage {
  readonly watcher: Pick<JobWatcher, 'look' | 'until'>;
  readonly market: Pick<
    SpotMarket,
    'instances' | 'find' | 'interrupt' | 'withdraw' | 'kill' | 'recommendRebalance'
  >;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onAct: (act: Act) => void;
}

/** Between two looks at the job. */
const lookMs = 50;
/** The same, where only its end is waited for. */
const restMs = 250;
/** A storm does not fall asleep: gaps are drawn, but are at most so many times as long as their mean. */
const gapMax = 3;

type NoticeTerms = Omit<ScenarioEventOf<'notice'>, 'do' | 'when' | 'afterSeconds' | 'times'>;
const plainNotice: NoticeTerms = { action: 'terminate', moving: false, carriedOut: true };

/**
 * Does to the machines of a job what a scenario says, one event after the other, until the job has ended. Returns how many
 * were done.
 */
export async function conduct(scenario: Scenario, stage: Stage): Promise<number> {
  const conductor = new Conductor(scenario, stage);
  try {
    const done = await conductor.run();
    // What an event began goes on beyond the last one: a kill before a deadline, a notice that is taken back.
    await stage.watcher.until('the end', ({ state }) => state.end ?? undefined);
    return done;
  } finally {
    await conductor.end();
  }
}

class Conductor {
  readonly #scenario: Scenario;
  readonly #stage: Stage;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  /** What was begun and ends later: a kill before a deadline, a disturbed metadata service. */
  readonly #later: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(scenario: Scenario, stage: Stage) {
    this.#scenario = scenario;
    this.#stage = stage;
    this.#signal = AbortSignal.any([stage.signal, this.#ended.signal]);
  }

  async run(): Promise<number> {
    let done = 0;
    for (const event of this.#scenario.events) {
      if (event.do === 'storm') {
        done += await this.#storm(event);
        continue;
      }
      for (let time = 0; time < event.times; time++) {
        const target = await this.#target(event);
        if (target === undefined) return done;
        await this.#act(event, target);
        done++;
      }
    }
    return done;
  }

  async end(): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#later);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** The machine that an event is for, once its occasion has come; undefined when the job has ended before. */
  async #target(
    event: Pick<ScenarioEventOf<'kill'>, 'when' | 'afterSeconds'>,
  ): Promise<{ readonly spot: SpotInstance; readonly token: number } | undefined> {
    const { clock, market, signal, random } = this.#stage;
    const pick = random.next();
    for (;;) {
      const trained = event.when === 'any' ? undefined : await this.#training(0);
      if (trained === undefined && event.when !== 'any') return undefined;
      const state = await this.#unlessOver(event.afterSeconds * 1_000);
      if (state === undefined) return undefined;
      const healthy = market.instances.filter(({ deadline }) => deadline === undefined);
      const owner = healthy.find(({ instance }) => instance.id === state.claim?.instance.id);
      // What trained then may be gone by now.
      const isStillIt = trained === undefined || trained.token === state.claim?.token;
      const chosen = trained === undefined ? healthy[Math.floor(pick * healthy.length)] : owner;
      if (isStillIt && chosen !== undefined) {
        const token = chosen === owner ? (state.claim?.token ?? 0) : 0;
        return { spot: market.find(chosen.instance.id), token };
      }
      await clock.sleep(lookMs, signal);
    }
  }

  /** The job so much later; undefined once it has ended, as soon as it has: nobody waits an hour for nothing. */
  async #unlessOver(ms: number): Promise<JobState | undefined> {
    const { clock, watcher, signal } = this.#stage;
    const untilMs = clock.monotonicMs() + ms;
    for (;;) {
      await clock.sleep(Math.max(0, Math.min(restMs, untilMs - clock.monotonicMs())), signal);
      const { state } = await watcher.look();
      if (state.end !== null) return undefined;
      if (clock.monotonicMs() >= untilMs) return state;
    }
  }

  /** The open attempt beyond a claim, once it has made a step on a machine that knows of no end; undefined when the job has ended. */
  async #training(beyond: number): Promise<OpenClaim | undefined> {
    const { watcher, clock, market, signal } = this.#stage;
    for (;;) {
      const { state, heartbeat } = await watcher.look();
      if (state.end !== null) return undefined;
      const { claim } = state;
      const isHealthy = market.instances.some(
        ({ instance, deadline }) => instance.id === claim?.instance.id && deadline === undefined,
      );
      if (claim?.restored !== undefined && claim.token > beyond && isHealthy) {
        const isStepping = heartbeat?.phase === 'training' && heartbeat.step > claim.restored.step;
        if (isStepping && heartbeat.claim === claim.token) return claim;
      }
      await clock.sleep(lookMs, signal);
    }
  }

  async #act(
    event: Exclude<ScenarioEvent, { do: 'storm' }>,
    { spot, token }: { readonly spot: SpotInstance; readonly token: number },
  ): Promise<void> {
    switch (event.do) {
      case 'notice':
        return this.#notice(spot, event);
      case 'kill':
        return this.#kill(spot, 'SIGKILL without notice');
      case 'rebalance':
        this.#stage.market.recommendRebalance(spot.instance.id);
        return this.#tell('rebalance', spot, 'rebalance recommendation');
      case 'freeze':
        return this.#freeze(spot, event, token);
      case 'imds':
        return this.#disturb(spot, event);
    }
  }

  #notice(spot: SpotInstance, event: NoticeTerms): void {
    const { action, moving, carriedOut, killAfterSeconds, withdrawAfterSeconds } = event;
    const noticeSeconds = event.noticeSeconds ?? this.#scenario.noticeSeconds;
    this.#stage.market.interrupt(spot.instance.id, {
      noticeMs: noticeSeconds * 1_000,
      action,
      isMoving: moving,
      isCarriedOut: carriedOut,
    });
    const ways = [...(moving ? ['moving'] : []), ...(carriedOut ? [] : ['not carried out'])];
    this.#tell(
      'notice',
      spot,
      `notice: ${action} in ${noticeSeconds} s${ways.length === 0 ? '' : ` (${ways.join(', ')})`}`,
    );
    this.#afterwards(killAfterSeconds, () => this.#kill(spot, 'SIGKILL before its deadline'));
    this.#afterwards(withdrawAfterSeconds, () => {
      // A machine that is gone hears of nothing any more.
      if (spot.isTaken) return;
      this.#stage.market.withdraw(spot.instance.id);
      this.#tell('withdraw', spot, 'the notice is taken back');
    });
  }

  async #kill(spot: SpotInstance, what: string): Promise<void> {
    // Its time was over, or its worker ended a moment before, so that it is gone already.
    if (spot.isTaken) return;
    this.#tell('kill', spot, what);
    await this.#stage.market.kill(spot.instance.id);
  }

  async #freeze(spot: SpotInstance, event: ScenarioEventOf<'freeze'>, token: number): Promise<void> {
    spot.freeze();
    this.#tell('freeze', spot, 'stands still');
    try {
      await this.#training(token);
      await this.#unlessOver(event.thawAfterSeconds * 1_000);
    } finally {
      spot.thaw();
      this.#tell('thaw', spot, 'goes on, as if nothing had been');
    }
  }

  #disturb(spot: SpotInstance, { fault, forSeconds }: ScenarioEventOf<'imds'>): void {
    spot.disturbImds(fault);
    const how =
      fault.kind === 'status'
        ? `answers ${fault.status}`
        : fault.kind === 'slow'
          ? 'is slow'
          : 'cuts answers';
    this.#tell('imds', spot, `its metadata service ${how} for ${forSeconds} s`);
    this.#afterwards(forSeconds, () => spot.disturbImds(undefined));
  }

  /** Interruptions of the machines that are there, as they come, until the job has ended. */
  async #storm(storm: ScenarioEventOf<'storm'>): Promise<number> {
    const { random } = this.#stage;
    const everyMs = storm.everySeconds * 1_000;
    const seed = Math.floor(random.next() * 2 ** 31);
    const plan = interruptionPlan({ everyMs, noNotice: storm.noNotice, seed });
    for (let done = 0; done < storm.times; done++) {
      const { afterMs, kind } = defined(plan.next().value, 'the plan of interruptions is endless');
      const when = random.next() < storm.whileTraining ? 'training' : 'any';
      const afterSeconds = Math.min(afterMs, gapMax * everyMs) / 1_000;
      const target = await this.#target({ when, afterSeconds });
      if (target === undefined) return done;
      if (kind === 'no-notice') await this.#kill(target.spot, 'SIGKILL without notice');
      else this.#notice(target.spot, { ...plainNotice, noticeSeconds: storm.noticeSeconds });
    }
    return storm.times;
  }

  /** Unless the job has ended by then. */
  #afterwards(seconds: number | undefined, act: () => void | Promise<void>): void {
    if (seconds === undefined) return;
    const task = pause(this.#stage.clock, seconds * 1_000, this.#signal).then(async (isOver) => {
      if (isOver) await act();
    });
    this.#later.push(
      task.catch((error: unknown) => {
        this.#failure ??= { error };
      }),
    );
  }

  #tell(kind: Act['kind'], { instance }: SpotInstance, what: string): void {
    this.#stage.onAct({ at: this.#stage.clock.now(), kind, instanceId: instance.id, what });
  }
}
