/** What a job is, folded from its journal. Bounded: totals and retained checkpoints, never the history itself. Plain JSON, so that it can be kept as a hint. */
import type { DocumentRef, Instance, ReleaseCause } from '../contract/journal-entry.ts';
import type { SaveReason } from '../contract/manifest.ts';

export type JobStatus =
  /** Submitted or resumed; nobody works on it. */
  | 'queued'
  /** An attempt is open. */
  | 'running'
  /** The last attempt ended and a replacement is due. */
  | 'interrupted'
  | 'paused'
  | 'completed'
  | 'failed'
  | 'cancelled';

export interface CheckpointRecord {
  readonly id: string;
  readonly claim: number;
  readonly ordinal: number;
  /** Sequence of the entry that committed it. */
  readonly sequence: number;
  readonly manifest: DocumentRef;
  readonly step: number;
  readonly epoch: number;
  readonly example: number;
  readonly reason: SaveReason;
  /** Why it was due, in words, where the trainer told. */
  readonly why?: string;
  readonly bytes: number;
  readonly newBytes: number;
  /** How long its upload took. */
  readonly elapsedMs: number;
  readonly at: string;
  readonly best?: { readonly metric: string; readonly value: number };
  readonly pinned: boolean;
  /** Why it must not be used; undefined for a good one. */
  readonly quarantined?: string;
  /** True when an operator's roll-back went behind it: kept, but resumed from only when named. */
  readonly setAside?: boolean;
}

export interface OpenClaim {
  /** Fencing token: the sequence of the `claimed` entry. */
  readonly token: number;
  readonly ticket: string;
  readonly instance: Instance;
  readonly at: string;
  /** Set by `restored`: where this attempt began. */
  readonly restored?: { readonly checkpoint: string | null; readonly step: number };
  /** Highest step that the journal shows for this attempt: where it began, then its commits. */
  readonly step?: number;
  /** Ordinal of this attempt's last commit. */
  readonly ordinal?: number;
}

export interface Strikes {
  /** Failures of the user's code. */
  readonly errors: number;
  /** Failures of any kind, an announced interruption apart. */
  readonly total: number;
  /** Highest step reached by a struck attempt: a commit beyond it clears the strikes. */
  readonly step: number;
  /** Instances whose infrastructure failure has been counted. */
  readonly instances: readonly string[];
  readonly lastMessage: string | null;
}

export interface Totals {
  readonly claims: number;
  /** `released` with cause `interrupted`. */
  readonly interruptions: number;
  /** Claims that ended in silence: a claim after a claim. */
  readonly silentDeaths: number;
  readonly checkpoints: number;
  /** Steps done again after resumes, as far as the journal tells. */
  readonly lostSteps: number;
  /** Time that attempts lasted, as far as the journal tells: the exposure on which a rate of interruptions rests. */
  readonly attemptMs: number;
  readonly bytes: number;
  readonly newBytes: number;
}

export interface JobState {
  readonly jobId: string;
  /** Last folded slot; 0 before `submitted`. */
  readonly sequence: number;
  readonly status: JobStatus;
  readonly name: string;
  readonly store: string;
  readonly spec: DocumentRef | null;
  readonly submittedAt: string | null;
  /** The checkpoint of another job that this one began with. */
  readonly forkedFrom: { readonly jobId: string; readonly checkpoint: string; readonly step: number } | null;
  /** Time of the newest entry, never going back. */
  readonly updatedAt: string | null;
  /** The newest claim ever; owners with an older token are fenced. 0 before the first. */
  readonly newestClaim: number;
  /** The attempt that is open, if one is. */
  readonly claim: OpenClaim | null;
  readonly lastRelease: {
    readonly cause: ReleaseCause;
    readonly step: number;
    readonly message: string;
    readonly at: string;
  } | null;
  /** Oldest first, in order of commit. `resumeCandidates` says from which one a resume begins. */
  readonly checkpoints: readonly CheckpointRecord[];
  /** Committed checkpoints ever, dropped ones included: history exists when this is not 0. */
  readonly committed: number;
  /**
   * An operator's roll-back. Stands until the next checkpoint commits, not only until it is restored: an attempt that
   * dies before its first commit must not be followed by one that resumes from the newer checkpoint that was rejected.
   */
  readonly resumeFrom: string | null;
  /** Step that the job is known to have reached on its present line; a restore behind it loses steps. */
  readonly reachedStep: number;
  readonly requests: { readonly pause: boolean; readonly cancel: boolean; readonly prune: readonly string[] };
  readonly strikes: Strikes;
  readonly end: {
    readonly kind: 'completed' | 'failed' | 'cancelled';
    readonly reason: string;
    readonly message: string;
    readonly step: number;
    readonly at: string;
    readonly metrics: Readonly<Record<string, number>>;
  } | null;
  readonly lastTicketedAt: string | null;
  readonly forks: ReadonlyArray<{ readonly checkpoint: string; readonly child: string; readonly at: string }>;
  readonly totals: Totals;
  /** Entries that broke a rule: reported, never fatal. The last few, with the count of all. */
  readonly ignored: {
    readonly count: number;
    readonly last: ReadonlyArray<{ readonly sequence: number; readonly why: string }>;
  };
}
