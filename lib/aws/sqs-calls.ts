import type { SQSClient } from '@aws-sdk/client-sqs';
import { UnfitError } from '../base/errors.ts';
import { callAws } from './aws-client.ts';
import { awsErrorFacts } from './aws-errors.ts';

/** A client and the queue that it is for. */
export interface SqsConnection {
  readonly client: SQSClient;
  readonly queueUrl: string;
}

/** The most that SQS takes for a message: its body in UTF-8, with the names, types and values of its attributes. */
export const messageBytesMax = 1_048_576;

/** Runs one call; its errors become ours. */
export function makeSqsCall<Result>(
  { operation, queueUrl }: { readonly operation: string; readonly queueUrl: string },
  call: () => Promise<Result>,
): Promise<Result> {
  return callAws({ service: 'SQS', operation, target: queueUrl }, call);
}

/** The message is gone, in other hands, or may not be hidden any longer. */
export function isLost(error: unknown): boolean {
  const { name, message } = awsErrorFacts(error);
  return (
    name === 'MessageNotInflight' ||
    name === 'ReceiptHandleIsInvalid' ||
    (name.startsWith('InvalidParameterValue') &&
      /total visibility|receipt ?handle|not available for visibility/i.test(message))
  );
}

/** @throws UnfitError for what is no count */
export function countOf(text: string | undefined, what: string): number {
  const count = Number(given(text, what));
  if (!Number.isSafeInteger(count))
    throw new UnfitError('the queue answers with something that is no count:', { facts: { what, text } });
  return count;
}

/** @throws UnfitError when the answer lacks it */
export function given<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined)
    throw new UnfitError('an answer of the queue lacks what SQS always says:', { facts: { lacks: what } });
  return value;
}
