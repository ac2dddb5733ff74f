import { z } from 'zod';
import { jobIdPattern } from './object-keys.ts';

/** The message in the queue: a wake-up, never the truth. Extra ones are harmless, missing ones are repaired. */
export const ticketSchema = z.object({ format: z.literal(1), jobId: z.string().regex(jobIdPattern) });

/** A message that is itself a job: the first worker that sees it writes spec and journal, the job's id taken from the message's. */
export const directJobSchema = z.object({
  format: z.literal(1),
  program: z.string().min(1),
  name: z.string().optional(),
  params: z.record(z.string(), z.unknown()).optional(),
  inputs: z.record(z.string(), z.string()).optional(),
  seed: z.int().optional(),
});

export type Ticket = z.infer<typeof ticketSchema>;
export type DirectJob = z.infer<typeof directJobSchema>;

export function encodeTicket(jobId: string): string {
  return JSON.stringify({ format: 1, jobId } satisfies Ticket);
}
