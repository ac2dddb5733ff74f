import { auditJob, type JobEvidence } from './audit-job.ts';
import { plantedFaults } from './planted-faults.ts';

export interface Control {
  /** Faults that were put into the job. */
  readonly planted: number;
  /** Those that the audit overlooked, by name. */
  readonly overlooked: readonly string[];
}

/** Puts each fault into a job that is in order, one at a time: an audit that overlooks one says nothing when it finds nothing. */
export function controlAudit(evidence: JobEvidence, audit: typeof auditJob = auditJob): Control {
  let planted = 0;
  const overlooked: string[] = [];
  for (const { name, rule, plant } of plantedFaults) {
    const faulty = plant(evidence);
    if (faulty === undefined) continue;
    planted++;
    if (!audit(faulty).some((finding) => finding.rule === rule)) overlooked.push(name);
  }
  return { planted, overlooked };
}
