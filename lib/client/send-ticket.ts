import type { JobSpec } from '../contract/job-spec.ts';
import { encodeTicket } from '../contract/ticket.ts';
import type { Region } from './region.ts';

/** Wakes a worker for the job. An extra ticket is harmless. */
export async function sendTicket(region: Region, spec: Pick<JobSpec, 'jobId' | 'owner'>): Promise<void> {
  const queue = await region.queue();
  await queue.send(encodeTicket(spec.jobId), spec.owner === undefined ? {} : { groupId: spec.owner });
}
