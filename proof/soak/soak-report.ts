import type { Control } from './control-audit.ts';
import type { Finding } from './finding.ts';
import type { BlowCounts } from './storm.ts';

/** What a soak was and what it found. Stable: printed with `--json`. */
export interface SoakReport {
  readonly schemaVersion: 1;
  readonly ok: boolean;
  readonly seed: number;
  readonly seconds: number;
  readonly jobs: {
    readonly all: number;
    readonly completed: number;
    readonly cancelled: number;
    readonly forks: number;
    /** Runs that were left alone, to compare with. */
    readonly references: number;
    /** Jobs that had used up their strikes and were told to try again. */
    readonly retries: number;
  };
  readonly attempts: {
    readonly all: number;
    readonly handedOver: number;
    readonly silentDeaths: number;
  };
  /** What was done to machines. */
  readonly blows: BlowCounts;
  /** What went wrong with the store and the queue, by name. */
  readonly faults: Readonly<Record<string, number>>;
  /** What operators did. */
  readonly acts: Readonly<Record<string, number>>;
  readonly steps: {
    /** Those that results are made of. */
    readonly onTheLine: number;
    /** Those that were computed, the lost ones included. */
    readonly computed: number;
  };
  readonly audited: {
    readonly entries: number;
    readonly checkpoints: number;
    readonly objects: number;
    readonly bytes: number;
  };
  /** Faults planted into one of the jobs, each of which the audit had to find. */
  readonly control: Control & { readonly jobId: string | null };
  readonly findings: readonly Finding[];
}

/** More of the same is in the JSON. */
const findingsShown = 20;

/** The report for people. */
export function renderSoak(report: SoakReport): readonly string[] {
  const { jobs, attempts, blows, faults, acts, steps, audited, control, findings } = report;
  const again = steps.computed - steps.onTheLine;
  const share = steps.computed === 0 ? 0 : (100 * again) / steps.computed;
  return [
    `seed ${report.seed}, ${Math.round(report.seconds)} s`,
    `jobs      ${jobs.all}: ${jobs.completed} completed, ${jobs.cancelled} cancelled, ${jobs.forks} of them forks; ${jobs.retries} tried again; ${jobs.references} references`,
    `attempts  ${attempts.all}: ${attempts.handedOver} handed over after a notice, ${attempts.silentDeaths} ended without a word`,
    `machines  ${listed(blows)}`,
    `faults    ${listed(faults)}`,
    `operators ${listed(acts)}`,
    `steps     ${steps.onTheLine} in the results, ${again} done again (${share.toFixed(1)} %)`,
    `audited   ${audited.entries} journal entries, ${audited.checkpoints} checkpoints, ${audited.objects} objects of ${audited.bytes} bytes`,
    control.overlooked.length === 0
      ? `control   ${control.planted} planted faults, all found`
      : `control   overlooked of ${control.planted} planted faults: ${control.overlooked.join(', ')}`,
    ...findings
      .slice(0, findingsShown)
      .map(({ jobId, rule, what }) => `FOUND     ${jobId}: ${rule}: ${what}`),
    ...(findings.length > findingsShown ? [`          and ${findings.length - findingsShown} more`] : []),
    report.ok ? 'nothing was lost' : 'NOT IN ORDER',
  ];
}

function listed(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}
