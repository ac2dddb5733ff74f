/** How long to train between two saves when nobody says so: the interval that loses the least. Pure. */
import { chunkBytes } from '../contract/manifest.ts';
import type { InterruptionRisk } from '../contract/trainer-messages.ts';
import { lossEverySecondsAt } from './machine-age.ts';
import type { SaveMoment, SavePolicy } from './policy.ts';

/** What the last save cost. */
export interface SaveCosts {
  /** What it took from training: the snapshot, and reading it between steps. Seconds. */
  readonly stolenSeconds: number;
  /** From `staging` to the journal; undefined while the first is under way. Seconds. */
  readonly flushSeconds: number | undefined;
  /** Raw bytes of all files. */
  readonly bytes: number;
}

/** Before anything is measured: long enough for a start to settle, short enough that a notice soon finds a measurement. */
const firstSaveSeconds = 10;
/** Rates are estimates: whatever the sums say, it stays well below the half hour at which a job counts as unsaved. */
const intervalSecondsMax = 20 * 60;
/** Less would put more into the journal than into training. */
const intervalSecondsMin = 5;
/** Requests of a save besides its chunks: manifest, journal entry, hint, and what dropping an old checkpoint takes. */
const requestsBesidesChunks = 8;
/** An epoch's end is a state that people come back to: a save that is due soon is taken there instead. */
const epochEndShare = 0.5;

/**
 * A GPU that holds a state of this size, its gradients and its activations costs about one small machine more an hour: 16 GB
 * of GPU memory at some 0.3 USD, 48 GB at some 0.9 USD. Requests weigh less beside it.
 */
const bytesPerSmallMachine = 5e9;

export interface Interval {
  readonly seconds: number;
  /** What it rests on, for people. */
  readonly why: string;
}

/**
 * `T = sqrt(2 C μ)` (Young 1974), where a notice in time costs nothing but its own flush, so that only the share `1 − r`
 * of losses without one counts: `μ = lossEverySeconds / (1 − recall)` (Aupy, Robert, Vivien, Zaidouni 2013). `C` is what a
 * save costs: the larger of the time that it takes from training and the price of its requests as time on this machine.
 * A machine of `ageSeconds` is lost as often as machines of its age are (machine-age.ts); without an age, as on average.
 * Never less than a flush, since one save is under way at a time.
 */
export function adaptiveInterval(risk: InterruptionRisk, costs: SaveCosts, ageSeconds?: number): Interval {
  const { lossEverySeconds, recall, requestSeconds } = risk;
  const machineShare = 1 / (1 + costs.bytes / bytesPerSmallMachine);
  const costSeconds = Math.max(
    costs.stolenSeconds,
    requestsOfSave(costs.bytes) * requestSeconds * machineShare,
  );
  const lossEvery =
    ageSeconds === undefined ? lossEverySeconds : lossEverySecondsAt(ageSeconds, lossEverySeconds);
  const unnoticedEverySeconds = lossEvery / (1 - recall);
  const best = Math.sqrt(2 * costSeconds * unnoticedEverySeconds);
  const flushSeconds = costs.flushSeconds ?? 0;
  const seconds = Math.max(flushSeconds, Math.min(intervalSecondsMax, Math.max(intervalSecondsMin, best)));
  return {
    seconds,
    // Asked for at a save only, while the interval is asked for at every step.
    get why() {
      return (
        `${shown(seconds)} s apart: a save costs ${shown(costSeconds)} s and its flush takes ${shown(flushSeconds)} s, ` +
        `a machine is lost without notice every ${shown(unnoticedEverySeconds / 3_600)} h`
      );
    },
  };
}

/** Requests that a save of `bytes` bytes pays for at most: every chunk is new. */
export function requestsOfSave(bytes: number): number {
  return Math.ceil(bytes / chunkBytes) + requestsBesidesChunks;
}

/** Two digits are all that an estimate deserves. */
function shown(value: number): string {
  return value >= 10 ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
}

/** Saves at the interval above, at the end of an epoch when one is due soon, and early where nothing was measured yet. */
export function adaptive(risk: InterruptionRisk): SavePolicy {
  return ({ stepsSince, secondsSince, secondsRunning, epochBoundary, costs }: SaveMoment) => {
    if (stepsSince === 0) return undefined;
    const known = costs ?? costsBefore(risk);
    if (known === undefined) {
      return secondsSince >= firstSaveSeconds ? 'the first save shows how long a flush takes' : undefined;
    }
    const { seconds, why } = adaptiveInterval(risk, known, secondsRunning);
    if (secondsSince >= seconds) return why;
    return epochBoundary && secondsSince >= seconds * epochEndShare ? 'the end of an epoch' : undefined;
  };
}

/** What an earlier attempt measured tells how long a flush takes, not what it takes from training here. */
function costsBefore({ flushSeconds }: InterruptionRisk): SaveCosts | undefined {
  return flushSeconds === undefined ? undefined : { stolenSeconds: 0, flushSeconds, bytes: 0 };
}
