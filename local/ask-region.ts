import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../lib/base/clock.ts';
import { ConflictError, NotFoundError, UnfitError } from '../lib/base/errors.ts';
import { unlessMissing } from '../lib/base/file-errors.ts';
import { withTimeLimit } from '../lib/base/time-limit.ts';
import { parseDocument } from '../lib/contract/parse-document.ts';
import {
  controlFile,
  controlSchema,
  interruptedSchema,
  type InterruptionRequest,
  type LocalMachine,
  machinesSchema,
} from './control-document.ts';

export interface AskOptions {
  /** Folder of the region. */
  readonly dir: string;
  readonly clock: Clock;
}

/** A kill waits until nothing of the machine runs any more; everything else is a matter of milliseconds. */
const answerMsMax = 15_000;

/**
 * The machines of a local region that runs.
 * @throws ConflictError when no region runs in the folder
 */
export async function localMachines(options: AskOptions): Promise<readonly LocalMachine[]> {
  return (await ask(machinesSchema, options, { path: '/machines' })).machines;
}

/**
 * Interrupts one machine of a local region that runs: a notice, then the end at its deadline; or the end at once. Answers
 * how long the machine has left.
 * @throws ConflictError when no region runs in the folder; NotFoundError when it has no such machine
 */
export async function interruptMachine(
  instanceId: string,
  interruption: InterruptionRequest,
  options: AskOptions,
): Promise<{ readonly remainingMs: number }> {
  return ask(interruptedSchema, options, {
    path: `/machines/${instanceId}/interruption`,
    body: JSON.stringify(interruption),
  });
}

async function ask<Schema extends z.ZodType>(
  schema: Schema,
  { dir, clock }: AskOptions,
  request: { readonly path: string; readonly body?: string },
): Promise<z.output<Schema>> {
  const at = controlFile(dir);
  const bytes = await unlessMissing(readFile(at));
  if (bytes === undefined) throw nothingRuns(dir);
  const { endpoint, token } = parseDocument(controlSchema, bytes, { what: 'control file', at });
  const url = new URL(request.path, endpoint);
  const { body } = request;
  const answer = await withTimeLimit(
    async (signal) => {
      const init = { headers: { Authorization: `Bearer ${token}` }, signal };
      // A region that crashed left its file behind.
      const response = await fetch(url, body === undefined ? init : { ...init, method: 'POST', body }).catch(
        (cause: unknown) => {
          throw signal.aborted ? cause : nothingRuns(dir, cause);
        },
      );
      return { status: response.status, text: await response.text() };
    },
    { clock, limitMs: answerMsMax, what: 'the local region' },
  );
  if (answer.status === 401) throw nothingRuns(dir);
  if (answer.status === 404)
    throw new NotFoundError('this region has no such machine any more.', {
      facts: { dir },
      hint: '`holdfast fleet` lists its machines.',
    });
  if (answer.status >= 300)
    throw new UnfitError('the local region did not do it:', {
      facts: { status: answer.status, said: answer.text.slice(0, 200) },
    });
  return parseDocument(schema, answer.text, { what: 'answer of the local region', at: url.href });
}

function nothingRuns(dir: string, cause?: unknown): ConflictError {
  return new ConflictError('no local region runs in this folder.', {
    facts: { dir },
    hint: 'Start it with `holdfast local`, or name its folder with --dir.',
    cause,
  });
}
