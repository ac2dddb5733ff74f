import { interruptionKinds, type InterruptionKind, type InterruptionPoint } from './interruption.ts';
import type { NegativeControl } from './negative-control.ts';
import type { Verification } from './verify-program.ts';

/** What `holdfast verify --json` prints: stable, fields are only added. */
export interface VerificationReport {
  readonly resumable: boolean;
  /** Interruptions that happened: processes that were killed. */
  readonly interruptions: number;
  /** Steps that were compared. */
  readonly steps: number;
  readonly negativeControl: NegativeControl;
  readonly firstDivergence: {
    readonly component: string;
    readonly step: number;
    readonly hint: string;
    /** What was compared, and which interruption came before: see `docs/verify.md`. */
    readonly kind: string;
    readonly expected: string;
    readonly found: string;
    readonly after: string;
  } | null;
  /** SHA-256 over the files of the last checkpoint of the uninterrupted run; null where it has none. */
  readonly digest: string | null;
  /** Steps of the whole program; null where it failed before it said so. */
  readonly stepsInAll: number | null;
  readonly seed: number;
  readonly points: readonly InterruptionPoint[];
  readonly notCovered: readonly { readonly kind: InterruptionKind; readonly why: string }[];
}

export function verificationReport(verification: Verification, seed: number): VerificationReport {
  const { divergence, diagnosis, points, steps, stepsInAll, digest, notCovered } = verification;
  return {
    resumable: divergence === undefined,
    interruptions: points.length,
    steps,
    negativeControl: verification.negativeControl,
    firstDivergence:
      divergence === undefined
        ? null
        : {
            component: diagnosis?.component ?? divergence.component,
            step: divergence.step,
            hint: diagnosis?.hint ?? '',
            kind: divergence.kind,
            expected: divergence.expected,
            found: divergence.found,
            after: divergence.after,
          },
    digest: digest ?? null,
    stepsInAll: stepsInAll ?? null,
    seed,
    // Two runs end in any order; a reader wants the same one every time.
    points: points.toSorted(
      (a, b) =>
        interruptionKinds.indexOf(a.kind) - interruptionKinds.indexOf(b.kind) ||
        a.killedAtStep - b.killedAtStep,
    ),
    notCovered,
  };
}
