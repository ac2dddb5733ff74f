import type { Log } from '../../lib/base/log.ts';
import type { Region } from '../../lib/client/region.ts';
import { type Timers, timersFrom } from '../../lib/contract/timers.ts';
import type { JobQueue } from '../../lib/queue/job-queue.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { retryingObjectStore } from '../../lib/store/retrying-object-store.ts';
import { chanceOf } from './chance.ts';
import type { Happening, Violation } from './invariants/happening.ts';
import { Inspector } from './invariants/inspector.ts';
import { networkOf } from './network.ts';
import type { HistoryPlan, JobPlan } from './plan-history.ts';
import {
  commitsWhatWasTrained,
  completesWithTheLastStep,
  doesWhatItIsAsked,
  dropsWhatThePolicySays,
  endsWhereItStood,
  failsForGoodReason,
  givesUpInTime,
  type Raw,
} from './product-rules.ts';
import { SimulatedProcess, startOfTime } from './simulated-process.ts';
import { SimulatedQueue } from './simulated-queue.ts';
import { SimulatedStore } from './simulated-store.ts';
import { Timeline } from './timeline.ts';
import type { RequestFault, Trouble } from './troubles.ts';

const minuteMs = 60_000;

/** As on AWS, but for what only costs a simulation time: looks at notices, at an empty queue and segments of logs are rarer. */
export const timers: Timers = {
  ...timersFrom({ heartbeatMs: 30_000, visibilityMs: 120_000 }),
  noticePollMs: 20_000,
  receiveWaitMs: 60_000,
  segmentMs: 120_000,
};

/** Between two runs of reconcile, as `infra/reconcile-schedule.ts` has it. */
export const reconcileEveryMs: number = 15 * minuteMs;

/** As `lib/client/region.ts` wraps every store. */
const briefly = { attemptsMax: 3, delayMs: 200, delayMsMax: 400 };

/** What a process of a history works with. */
export interface Connected {
  readonly process: SimulatedProcess;
  readonly store: ObjectStore;
  readonly queue: JobQueue;
}

/** One store, one queue, one virtual time; who watches them; and who is connected to them. */
export class SimulatedWorld {
  readonly plan: HistoryPlan;
  readonly timeline = new Timeline();
  readonly inspector: Inspector;
  readonly store: SimulatedStore;
  readonly queue: SimulatedQueue;
  /** What happened, one line each. */
  readonly history: string[] = [];
  /** Broken rules that only this world can know of. */
  readonly violations: Violation[] = [];
  readonly counts = {
    requests: 0,
    faults: 0,
    deaths: 0,
    processes: 0,
    entries: 0,
    checkpoints: 0,
    claims: 0,
  };
  /** What jobs are, and whose state they train. */
  readonly jobs = new Map<string, { readonly plan: JobPlan; readonly root: string }>();
  readonly #faults: ReadonlyMap<string, ReadonlyMap<number, RequestFault>>;
  readonly #keepsHistory: boolean;
  readonly #entries = new Map<string, Raw[]>();
  readonly #sent = new Map<string, number>();
  readonly #damaged = new Set<string>();
  readonly #outUntilMs = { store: 0, queue: 0 };

  constructor(plan: HistoryPlan, { keepsHistory }: { readonly keepsHistory: boolean }) {
    this.plan = plan;
    this.#keepsHistory = keepsHistory;
    const { timeline } = this;
    this.inspector = new Inspector({
      bound: {
        silentMs: 15 * minuteMs,
        betweenTicketsMs: 6 * 60 * minuteMs,
        // Two runs in a row may die of what was planned for them; each may take minutes in bad weather.
        roundMs: 3 * (reconcileEveryMs + 3 * minuteMs),
        livenessMs: timers.livenessMs,
      },
    });
    const storeClock = {
      now: () => new Date(startOfTime + timeline.nowMs),
      monotonicMs: () => timeline.nowMs,
      sleep: () => Promise.reject(new Error('a store does not sleep')),
    };
    this.store = new SimulatedStore(storeClock, {
      written: (key, body) => {
        this.#landed(key, body);
        this.tell({ kind: 'written', key, body });
      },
      deleted: (keys) => {
        if (keys.length > 0) this.note(`deleted ${keys.join(' ')}`);
        this.tell({ kind: 'deleted', keys });
      },
    });
    this.queue = new SimulatedQueue({
      timeline,
      random: chanceOf(plan.seed, 'queue'),
      staleHandles: plan.staleHandles,
      watch: {
        sent: (messageId, body) => {
          const jobId = /"jobId":"([^"]+)"/.exec(body)?.[1] ?? body;
          this.#sent.set(jobId, this.ticketsSent(jobId) + 1);
          this.note(`ticket ${messageId} of ${jobId} was sent`);
          this.tell({ kind: 'sent', messageId, jobId });
        },
        removed: (messageId) => {
          this.note(`ticket ${messageId} was deleted`);
          this.tell({ kind: 'removed', messageId });
        },
        vanished: (messageId) => {
          this.note(`ticket ${messageId} vanished`);
          this.tell({ kind: 'vanished', messageId });
        },
      },
    });
    this.#faults = faultsOf(plan);
  }

  tell(happening: Happening): void {
    this.inspector.tell(this.timeline.nowMs, happening);
  }

  note(what: string): void {
    if (this.#keepsHistory)
      this.history.push(`${(this.timeline.nowMs / 1_000).toFixed(3).padStart(10)} s  ${what}`);
  }

  broken(invariant: string, what: string): void {
    this.violations.push({ invariant, what, atMs: this.timeline.nowMs });
  }

  get isBroken(): boolean {
    return this.violations.length > 0 || this.inspector.violations.length > 0;
  }

  /** Nobody reaches it for a while. */
  cutOff(what: 'store' | 'queue', forMs: number): void {
    const { nowMs } = this.timeline;
    this.note(`the ${what} is out of reach for ${forMs} ms`);
    this.#outUntilMs[what] = Math.max(this.#outUntilMs[what], Math.min(nowMs + forMs, this.plan.calmAtMs));
  }

  /** Tickets of the job that were ever sent. */
  ticketsSent(jobId: string): number {
    return this.#sent.get(jobId) ?? 0;
  }

  /** Nothing goes wrong any more. */
  get isCalm(): boolean {
    return this.timeline.nowMs >= this.plan.calmAtMs;
  }

  /** A new process of this name, with its way to store and queue. */
  connect(name: string, skewMs = 0): Connected {
    const { timeline, plan } = this;
    const process = new SimulatedProcess({ name, seed: plan.seed, timeline, skewMs });
    this.counts.processes++;
    process.onDeath(() => {
      if (process.hasEnded) return;
      this.counts.deaths++;
      this.note(`${name} is dead`);
    });
    const faults = this.#faults.get(name);
    const { store, queue } = networkOf({
      process,
      seed: plan.seed,
      store: this.store,
      queue: this.queue,
      faultOf: (nth, to) => {
        this.counts.requests++;
        if (timeline.nowMs < this.#outUntilMs[to]) return 'unavailable';
        const fault = this.isCalm ? undefined : faults?.get(nth);
        if (fault !== undefined) this.counts.faults++;
        return fault;
      },
      note: (what) => this.note(what),
    });
    const ports = { clock: process.clock, random: process.random, limits: briefly };
    return { process, store: retryingObjectStore(store, ports), queue };
  }

  jobOf(jobId: string): { readonly plan: JobPlan; readonly root: string } {
    const job = this.jobs.get(jobId);
    if (job === undefined) throw new Error(`nobody knows job ${jobId}`);
    return job;
  }

  /** Bytes of a committed checkpoint are bent, or gone. */
  rot({ job, pick }: Extract<Trouble, { kind: 'bit-rot' }>): void {
    const needed = this.inspector.records.get(`job-${job}`)?.retained.flatMap(({ needs }) => needs) ?? [];
    const key = needed[pick % Math.max(1, needed.length)]?.key;
    const before = key === undefined ? undefined : this.store.objects.get(key);
    if (key === undefined || before === undefined) return;
    const after = pick % 2 === 0 ? undefined : before.map((byte, index) => (index === 0 ? byte ^ 1 : byte));
    this.note(`${key} rots`);
    this.#damaged.add(key);
    this.tell({ kind: 'damaged', key, body: after });
    void this.store.damage(key, after);
  }

  region({ process, store, queue }: Connected): Region {
    return {
      place: { store: store.uri, queue: queue.uri, origin: 'flags', timers },
      store,
      timers,
      clock: process.clock,
      random: process.random,
      queue: () => Promise.resolve(queue),
      close: () => Promise.resolve(),
    };
  }

  /** What a process says goes to the inspector, and its warnings into the history. */
  log(name: string): Log {
    const say =
      (level: string) =>
      (event: string, fields: object = {}): void => {
        const text = `${level} ${event} ${JSON.stringify(fields)}`;
        if (level !== 'debug') this.note(`${name}: ${text}`);
        this.tell({ kind: 'said', by: name, text });
      };
    const log: Log = {
      debug: say('debug'),
      info: say('info'),
      warn: say('warn'),
      error: say('error'),
      with: () => log,
    };
    return log;
  }

  #landed(key: string, body: Uint8Array): void {
    const [, jobId, slot] = /^jobs\/([^/]+)\/journal\/0*(\d+)\.json$/.exec(key) ?? [];
    if (jobId === undefined) return;
    this.counts.entries++;
    const entry = JSON.parse(new TextDecoder().decode(body)) as Raw;
    const entries = this.#entries.get(jobId) ?? [];
    entries.push(entry);
    this.#entries.set(jobId, entries);
    this.note(`${jobId} slot ${slot}: ${tellEntry(entry)}`);
    if (entry['kind'] === 'claimed') this.counts.claims++;
    if (entry['kind'] === 'checkpoint') {
      this.counts.checkpoints++;
      const { root } = this.jobOf(jobId);
      this.#check(
        'commitsWhatWasTrained',
        commitsWhatWasTrained({ objects: this.store.objects, damaged: this.#damaged }, root, entry),
      );
    }
    const { plan } = this.jobOf(jobId);
    this.#check('completesWithTheLastStep', completesWithTheLastStep(plan, entry));
    this.#check(
      'dropsWhatThePolicySays',
      dropsWhatThePolicySays(this.inspector.records.get(jobId), plan, entry),
    );
    const isAtLeisure = (by: string): boolean => this.#isAtLeisure(by);
    this.#check('endsWhereItStood', endsWhereItStood(entries, plan, isAtLeisure));
    this.#check('doesWhatItIsAsked', doesWhatItIsAsked(entries, plan, isAtLeisure));
    this.#check('givesUpInTime', givesUpInTime(entries));
    this.#check('failsForGoodReason', failsForGoodReason(entries, this.#damaged.size > 0));
  }

  /** A machine to which nothing happened but notices. */
  #isAtLeisure(name: string): boolean {
    const disturbs = (trouble: Trouble): boolean => {
      if (trouble.kind === 'outage') return true;
      if (!('process' in trouble) || trouble.process !== name) return false;
      if (trouble.kind === 'request')
        return trouble.fault !== 'dies-before' && trouble.fault !== 'dies-after';
      return trouble.kind !== 'death' && trouble.kind !== 'notice';
    };
    return name.startsWith('worker-') && !this.plan.troubles.some(disturbs);
  }

  #check(invariant: string, why: string | undefined): void {
    if (why !== undefined) this.broken(invariant, why);
  }
}

/** An entry in a line, without what depends on the machine that tells it. */
function tellEntry({ kind, claim, ...entry }: Raw): string {
  const shown = [
    'id',
    'step',
    'checkpoint',
    'checkpoints',
    'drops',
    'cause',
    'ticket',
    'reason',
    'from',
    'child',
    'why',
    'message',
  ]
    .filter((name) => entry[name] !== undefined)
    .map((name) => `${name}=${JSON.stringify(entry[name]).split('\\n')[0]?.slice(0, 120)}`);
  return `${String(kind)}${typeof claim === 'number' ? ` (claim ${claim})` : ''} ${shown.join(' ')}`;
}

function faultsOf({ troubles }: HistoryPlan): ReadonlyMap<string, ReadonlyMap<number, RequestFault>> {
  const faults = new Map<string, Map<number, RequestFault>>();
  for (const trouble of troubles) {
    if (trouble.kind !== 'request') continue;
    const own = faults.get(trouble.process) ?? new Map<number, RequestFault>();
    own.set(trouble.nth, trouble.fault);
    faults.set(trouble.process, own);
  }
  return faults;
}
