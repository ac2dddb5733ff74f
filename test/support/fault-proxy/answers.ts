import { documentOf, element } from '../fake-aws/xml.ts';
import type { AwsRequest } from './aws-request.ts';

export interface ProxyAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const requestId = '00000000-0000-4000-8000-000000000000';

/** A success of the query protocol (`<XResponse><XResult>…`), as Auto Scaling answers. */
export function queryAnswer(operation: string, result: readonly string[] = []): ProxyAnswer {
  return xml(
    200,
    element(`${operation}Response`, [
      element(`${operation}Result`, result),
      element('ResponseMetadata', [element('RequestId', requestId)]),
    ]),
  );
}

/** A success of EC2's own protocol, which has no result element. */
export function ec2Answer(operation: string, result: readonly string[]): ProxyAnswer {
  return xml(200, element(`${operation}Response`, [element('requestId', requestId), ...result]));
}

export function jsonAnswer(document: unknown, status = 200): ProxyAnswer {
  return { status, contentType: 'application/x-amz-json-1.1', body: JSON.stringify(document) };
}

/** An error in the words of the protocol in which the request came. */
export function refusal(
  request: AwsRequest,
  error: { readonly status: number; readonly code: string; readonly message: string },
): ProxyAnswer {
  const { status, code, message } = error;
  const words = [element('Code', code), element('Message', message)];
  if (request.service === 's3')
    return xml(status, element('Error', [...words, element('RequestId', requestId)]));
  if (request.service === 'ec2')
    return xml(
      status,
      element('Response', [element('Errors', [element('Error', words)]), element('RequestID', requestId)]),
    );
  if (isQuery(request))
    return xml(
      status,
      element('ErrorResponse', [
        element('Error', [element('Type', status < 500 ? 'Sender' : 'Receiver'), ...words]),
        element('RequestId', requestId),
      ]),
    );
  return jsonAnswer({ __type: code, message }, status);
}

/** What a service says when it is asked too much, by its own name for it. */
export function slowDown(request: AwsRequest): ProxyAnswer {
  const codes: Readonly<Record<string, string>> = { s3: 'SlowDown', ec2: 'RequestLimitExceeded' };
  return refusal(request, {
    status: 503,
    code: codes[request.service] ?? 'ServiceUnavailable',
    message: 'Please reduce your request rate.',
  });
}

export function conflict(request: AwsRequest): ProxyAnswer {
  return refusal(request, {
    status: 409,
    code: 'ConditionalRequestConflict',
    message: 'The conditional request cannot succeed due to a conflicting operation against this resource.',
  });
}

const isQuery = ({ params }: AwsRequest): boolean => params['Action'] !== undefined;

function xml(status: number, root: string): ProxyAnswer {
  return { status, contentType: 'text/xml', body: documentOf(root) };
}
