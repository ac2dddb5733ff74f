import type { Random } from '../../../lib/base/random.ts';
import type { AwsRequest } from './aws-request.ts';

export type FaultKind =
  /** 503 in the words of the service; nothing is done. */
  | 'slow-down'
  /** 409 ConditionalRequestConflict, which S3 says to writes with a condition alone; nothing is done. */
  | 'conflict'
  /** The connection is cut before the request is passed on; nothing is done. */
  | 'cut'
  /** The request is carried out, then the connection is cut before a byte of the answer. */
  | 'lost-answer';

/** Which requests meet a fault. */
export interface FaultPlan {
  /** Share of the requests that meet one, 0 to 1. */
  readonly share: number;
  /** Seeded: the requests of several processes arrive in any order, but how many meet what is the same. */
  readonly random: Random;
  /** What may happen to a request; nothing where the list is empty. @default everything that AWS may do to it */
  readonly kindsFor?: (request: AwsRequest) => readonly FaultKind[];
}

/** Everything that may happen to a request at AWS. */
export function possibleFaults({ isConditional }: AwsRequest): readonly FaultKind[] {
  const always = ['slow-down', 'cut', 'lost-answer'] as const;
  return isConditional ? [...always, 'conflict'] : always;
}

/** Draws once for every request, so that one plan strikes as often whatever it strikes. */
export function drawFault(plan: FaultPlan, request: AwsRequest): FaultKind | undefined {
  const isStruck = plan.random.next() < plan.share;
  const choice = plan.random.next();
  const kinds = (plan.kindsFor ?? possibleFaults)(request);
  return isStruck ? kinds[Math.floor(choice * kinds.length)] : undefined;
}
