import type { Clock } from '../../lib/base/clock.ts';
import { defined } from '../../lib/base/assert.ts';
import type { Region } from '../../lib/client/region.ts';
import { auditJob, type JobEvidence, type Reference } from './audit-job.ts';
import { sampleLedger } from './audit-samples.ts';
import type { Finding } from './finding.ts';
import { type Control, controlAudit } from './control-audit.ts';
import { readEvidence } from './read-evidence.ts';
import { referenceKey } from './references.ts';
import type { SoakedJob } from './soak-job.ts';
import type { SoakReport } from './soak-report.ts';

export interface SoakAudit extends Pick<SoakReport, 'steps' | 'audited' | 'control'> {
  readonly findings: readonly Finding[];
}

/** Reads everything that is left of every job and holds it to what is promised; then looks whether it would have found anything. */
export async function auditSoak(
  { store }: Pick<Region, 'store'>,
  options: {
    readonly jobs: readonly SoakedJob[];
    readonly references: ReadonlyMap<string, Reference>;
    readonly recordsDir: string;
  },
): Promise<SoakAudit> {
  const { jobs, references, recordsDir } = options;
  const steps = { onTheLine: 0, computed: 0 };
  const audited = { entries: 0, checkpoints: 0, objects: 0, bytes: 0 };
  const findings: Finding[] = [];
  let best: JobEvidence | undefined;
  for (const { jobId, kind, seed, ends } of jobs) {
    const run = await readEvidence(store, { jobId, recordsDir });
    const { entries, checkpoints, attempts } = run;
    const reference = defined(references.get(referenceKey({ kind, seed })), 'each kind and seed ran alone');
    const evidence: JobEvidence = { ...run, data: kind.data, reference, ends };
    const found = auditJob(evidence);
    findings.push(...found);
    if (found.length === 0 && roomIn(evidence) > roomIn(best)) best = evidence;
    const { line, computed } = sampleLedger(entries, attempts);
    steps.onTheLine += line.length;
    steps.computed += computed;
    audited.entries += entries.length;
    audited.checkpoints += checkpoints.length;
    for (const { objects } of checkpoints) {
      audited.objects += objects.size;
      audited.bytes += [...objects.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    }
  }
  const control: Control = best === undefined ? { planted: 0, overlooked: [] } : controlAudit(best);
  return { steps, audited, findings, control: { ...control, jobId: best?.jobId ?? null } };
}

/** How much there is to go wrong in a job: the one with the most is where faults are planted. */
function roomIn(evidence: JobEvidence | undefined): number {
  if (evidence === undefined || evidence.data === undefined) return -1;
  const { entries, checkpoints } = evidence;
  const isPlain = entries.at(-1)?.kind === 'completed' && entries[0]?.kind === 'submitted';
  const resumed = entries.filter((entry) => entry.kind === 'restored' && entry.checkpoint !== null).length;
  return isPlain ? Math.min(resumed, 3) * 10 + Math.min(checkpoints.length, 5) : -1;
}

/** How long tickets may take to vanish once every job is over: some are hidden for as long as an owner's. */
const ticketsMsMax = 30_000;

/** Every job is over: workers throw away what tickets are left, and nothing stands among the dead letters. */
export async function auditQueue(
  region: Region,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<readonly Finding[]> {
  const queue = await region.queue();
  const startedMs = clock.monotonicMs();
  const tickets = async (): Promise<number> => {
    const { visible, inFlight, delayed } = await queue.depth();
    return visible + inFlight + delayed;
  };
  let left = await tickets();
  while (left > 0 && clock.monotonicMs() - startedMs < ticketsMsMax && !signal.aborted) {
    await clock.sleep(250);
    left = await tickets();
  }
  const dead = await queue.deadLetters({ limit: 100 });
  return [
    ...(left === 0 ? [] : [{ jobId: '', rule: 'no ticket is left over', what: `${left} after all jobs` }]),
    ...dead.map(({ excerpt, reason }) => ({
      jobId: '',
      rule: 'no ticket becomes a dead letter',
      what: `${reason ?? 'received too often'}: ${excerpt}`,
    })),
  ];
}
