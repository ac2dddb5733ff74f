import { z } from 'zod';
import { UnfitError, NotFoundError } from '../base/errors.ts';
import { retry } from '../base/retry.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Experiment, Experiments } from '../fleet/experiments.ts';
import { callAws } from './aws-client.ts';
import { awsErrorFacts } from './aws-errors.ts';
import { type SignedRequest, type SignedService, sendSigned } from './signed-request.ts';

export interface FisOptions {
  readonly region: string;
  /** @default `AWS_ENDPOINT_URL_FIS` or `AWS_ENDPOINT_URL`, as the SDK reads them, else AWS itself */
  readonly endpoint?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly credentials?: NonNullable<SignedService['credentials']>;
}

/** Both calls are idempotent; three tries ride out a hiccup while a person waits. */
const limits = { attemptsMax: 3, delayMs: 200, delayMsMax: 400 };

const answerSchema = z.object({
  experiment: z.object({
    id: z.string().min(1),
    state: z.object({ status: z.string(), reason: z.string().optional() }),
  }),
});

/** The two calls of the Fault Injection Service that a rehearsal needs (docs/adr says why not by a client of the SDK). */
export function openFis({
  region,
  endpoint = endpointOf(region),
  clock,
  random,
  ...rest
}: FisOptions): Experiments {
  const service: SignedService = { name: 'fis', endpoint, region, clock, ...rest };
  const ask = async (operation: string, target: string, request: SignedRequest): Promise<Experiment> => {
    const { signal } = request;
    const answer = await retry(
      () =>
        callAws({ service: 'FIS', operation, target, signal }, async () => {
          try {
            return await sendSigned(service, request);
          } catch (error) {
            throw isMissing(error) ? missing(target, error) : error;
          }
        }),
      { clock, random, limits, signal },
    );
    return experimentOf(answer, operation);
  };
  return {
    start: ({ templateId, token }, signal) =>
      ask('StartExperiment', templateId, {
        method: 'POST',
        path: '/experiments',
        body: { clientToken: token, experimentTemplateId: templateId },
        signal,
      }),
    read: (id, signal) =>
      ask('GetExperiment', id, { method: 'GET', path: `/experiments/${encodeURIComponent(id)}`, signal }),
  };
}

function endpointOf(region: string): string {
  const named = process.env['AWS_ENDPOINT_URL_FIS'] || process.env['AWS_ENDPOINT_URL'];
  return named || `https://fis.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

function experimentOf(answer: unknown, operation: string): Experiment {
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success)
    throw new UnfitError('FIS gave an answer that this version does not understand:', {
      facts: { operation, fault: parsed.error.issues[0]?.message },
    });
  const { id, state } = parsed.data.experiment;
  return { id, status: state.status, reason: state.reason ?? '' };
}

const isMissing = (error: unknown): boolean => awsErrorFacts(error).name === 'ResourceNotFoundException';

function missing(target: string, cause: unknown): NotFoundError {
  return new NotFoundError('FIS has no such experiment or template:', {
    facts: { target },
    hint: 'the deployment file may be older than the stack: deploy again, which writes it anew',
    cause,
  });
}
