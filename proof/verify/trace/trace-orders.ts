import { z } from 'zod';

/** Carries its orders to a traced process, which removes it before the program can see it. */
export const traceVariable = 'HOLDFAST_TRACE';

export const traceOrdersSchema = z.object({
  /** File that notes are added to. */
  path: z.string(),
  /** Processes are numbered in the order in which they were prepared. */
  number: z.int().positive(),
  disturbance: z.object({ clockOffsetMs: z.number(), hostName: z.string() }).optional(),
});

export type TraceOrders = z.infer<typeof traceOrdersSchema>;
