import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseDocument } from '../../lib/contract/parse-document.ts';

/** Names the JSON file of faults (`workerFaultsSchema`) that a rehearsed worker and its trainer read when they start. */
export const faultsVariable = 'HOLDFAST_REHEARSAL_FAULTS';

const seconds = z.number().nonnegative().max(86_400);
const share = z.number().min(0).max(1);

/**
 * When a fault holds, in seconds since its process began: from `fromSeconds` on, for `forSeconds`, and again every
 * `everySeconds`. Without any of it: always.
 */
export const windowSchema = z.strictObject({
  fromSeconds: seconds.default(0),
  forSeconds: seconds.optional(),
  everySeconds: seconds.positive().optional(),
});

const rates = {
  /** A 503: not done, but the caller cannot know. */
  unavailable: share.exactOptional(),
  /** Done, and the answer is lost. */
  'lost-answer': share.exactOptional(),
};

/** What goes wrong around the store, by the share of calls that it meets. */
export const storeFaultsSchema = z.strictObject({
  ...rates,
  /** A 409 of a conditional write. */
  refused: share.exactOptional(),
  /** A time-out, and done some calls later all the same. */
  'lands-late': share.exactOptional(),
  /** Done, and done once more some calls later. */
  'repeated-late': share.exactOptional(),
  /** Done after others had time to overtake. */
  delayed: share.exactOptional(),
  when: windowSchema.optional(),
});

export const queueFaultsSchema = z.strictObject({ ...rates, when: windowSchema.optional() });

export const networkSchema = z.strictObject({
  /** Of all transfers of one process together. */
  bytesPerSecond: z.int().min(1_000).optional(),
  /** Before each request. */
  latencyMs: z.number().nonnegative().max(60_000).default(0),
});

export const diskFaultsSchema = z.strictObject({
  /** The disk that holds staged checkpoints has no room at these times. */
  fullWhen: windowSchema,
});

export const clockFaultsSchema = z.strictObject({
  /** The wall clock of a machine jumps so many seconds after its process began, forth or back. */
  jumps: z.array(z.strictObject({ atSeconds: seconds, bySeconds: z.number().min(-1e8).max(1e8) })).max(1_000),
});

/** The faults of one kind of machine. */
export const machineFaultsSchema = z.strictObject({
  store: storeFaultsSchema.optional(),
  queue: queueFaultsSchema.optional(),
  network: networkSchema.optional(),
  disk: diskFaultsSchema.optional(),
  clock: clockFaultsSchema.optional(),
});

/**
 * What a rehearsed worker is told. Every machine draws by `seed` and its own instance id. `recordsDir`: each trainer notes
 * its steps in `<recordsDir>/<jobId>/<claim>.ndjson` (`lib/contract/step-record.ts`). `faultsLog`: each fault that happened is
 * added there, one JSON document a line.
 */
export const workerFaultsSchema = machineFaultsSchema.extend({
  format: z.literal(1),
  seed: z.int().nonnegative(),
  recordsDir: z.string().min(1).optional(),
  faultsLog: z.string().min(1).optional(),
});

export type FaultWindow = z.infer<typeof windowSchema>;
export type MachineFaults = z.infer<typeof machineFaultsSchema>;
export type WorkerFaults = z.infer<typeof workerFaultsSchema>;

/** Whether a window is open so many seconds after the process began. */
export function isOpen(window: FaultWindow | undefined, atSeconds: number): boolean {
  if (window === undefined) return true;
  const { fromSeconds, forSeconds = Infinity, everySeconds } = window;
  const since = atSeconds - fromSeconds;
  if (since < 0) return false;
  return (everySeconds === undefined ? since : since % everySeconds) < forSeconds;
}

/**
 * The faults that the environment names; none where it names none.
 * @throws CorruptionError when the file is not what it should be
 */
export function readWorkerFaults(env: NodeJS.ProcessEnv): WorkerFaults | undefined {
  const at = env[faultsVariable];
  if (at === undefined || at === '') return undefined;
  return parseDocument(workerFaultsSchema, readFileSync(at), { what: 'faults of a rehearsal', at });
}
