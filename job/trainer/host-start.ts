import type { z } from 'zod';
import { readFileSync } from 'node:fs';
import { parseDocument } from '../../lib/contract/parse-document.ts';
import { trainerStartSchema } from '../../lib/contract/trainer-messages.ts';

/** What the supervisor wrote for this process, with its defaults filled in. */
export type HostStart = z.output<typeof trainerStartSchema>;

export function readHostStart(path: string): HostStart {
  return parseDocument(trainerStartSchema, readFileSync(path), { what: 'the start of a trainer', at: path });
}
