import { Readable } from 'node:stream';
import type { GetObjectCommand } from '@aws-sdk/client-s3';
import type { DirectRead, DirectReads, ReadTarget, SignedGet } from './direct-reads.ts';

/**
 * Lets the body of this one call be read into the caller's memory. Everything else stays the SDK's: the request is the one
 * that it has signed, the headers are read by it, and whatever is not a plain success it asks for once more by itself.
 * @returns the body once the call has succeeded; undefined where the SDK has it
 */
export function readDirectly(
  command: GetObjectCommand,
  reads: DirectReads,
  to: ReadTarget,
): () => DirectRead | undefined {
  let direct: DirectRead | undefined;
  command.middlewareStack.add(
    (next) => async (args) => {
      const { request } = args;
      const read = isSignedGet(request) ? await reads.get(request, to) : undefined;
      if (read === undefined) return next(args);
      direct = read;
      const { headers } = read.head;
      return { response: { statusCode: 200, headers, body: Readable.from([]) } };
    },
    // Innermost: after the signature, where the SDK would send.
    { step: 'deserialize', priority: 'low', name: 'readDirectly' },
  );
  return () => direct;
}

function isSignedGet(request: unknown): request is SignedGet {
  return typeof request === 'object' && request !== null && 'hostname' in request && 'headers' in request;
}
