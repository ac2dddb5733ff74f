import { join } from 'node:path';
import { z } from 'zod';
import { instanceSchema } from '../lib/contract/journal-entry.ts';

/** `control.json`: how other processes of the same user reach a local region that runs. Gone when the region has ended. */
export const controlSchema = z.object({
  format: z.literal(1),
  endpoint: z.url(),
  /** Whoever can read the file may take machines away. */
  token: z.string().min(16),
});

export const controlFile = (dir: string): string => join(dir, 'control.json');

/** What a region is asked to do with one of its machines. */
export const interruptionSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('notice'), noticeMs: z.number().nonnegative().max(86_400_000).optional() }),
  z.object({ kind: z.literal('kill') }),
]);

export type InterruptionRequest = z.infer<typeof interruptionSchema>;

/** A machine as the region sees it now. */
export const machineSchema = z.object({
  instance: instanceSchema,
  pid: z.int().positive(),
  logFile: z.string(),
  startedAt: z.iso.datetime(),
  /** Until the plug is pulled; null while no end is announced. */
  remainingMs: z.number().nonnegative().nullable(),
});

export type LocalMachine = z.infer<typeof machineSchema>;

export const machinesSchema = z.object({ format: z.literal(1), machines: z.array(machineSchema) });

/** What became of the request. `remainingMs`: until the plug is pulled; 0 when it was pulled. */
export const interruptedSchema = z.object({ format: z.literal(1), remainingMs: z.number().nonnegative() });
