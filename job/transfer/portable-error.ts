import {
  AccessDeniedError,
  CorruptionError,
  HoldfastError,
  InvariantError,
  messageOf,
  NotFoundError,
  TransientError,
  UnfitError,
} from '../../lib/base/errors.ts';
import { DamagedObjectError } from '../../lib/checkpoint/verified-get.ts';

/** An error as it goes from a thread to its owner: what decisions rest on and what people read. A class does not survive the way. */
export interface PortableError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** Of a damaged object. */
  readonly key?: string;
  /** This machine had no valid credentials. */
  readonly isNobody?: boolean;
  /** The write was surely not carried out. */
  readonly isUnapplied?: boolean;
}

export function portableError(error: unknown): PortableError {
  if (!(error instanceof HoldfastError)) return { code: 'INVARIANT', message: messageOf(error) };
  return {
    code: error.code,
    message: error.message,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error instanceof DamagedObjectError && { key: error.key }),
    ...(error instanceof AccessDeniedError && { isNobody: error.caller === 'nobody' }),
    ...(error instanceof TransientError && { isUnapplied: error.applied === 'no' }),
  };
}

/** The error that a thread met. One that no store and no disk gives is a fault of ours. */
export function errorFrom(portable: PortableError): HoldfastError {
  const { code, message, hint, key, isNobody = false, isUnapplied = false } = portable;
  const options = hint === undefined ? {} : { hint };
  switch (code) {
    case 'TRANSIENT':
      return new TransientError(message, { ...options, ...(isUnapplied && { applied: 'no' as const }) });
    case 'ACCESS_DENIED':
      return new AccessDeniedError(message, { ...options, ...(isNobody && { caller: 'nobody' as const }) });
    case 'UNFIT':
      return new UnfitError(message, options);
    case 'NOT_FOUND':
      return new NotFoundError(message, options);
    case 'CORRUPT':
      // The class names the key at the end of its message by itself.
      return key === undefined
        ? new CorruptionError(message, options)
        : new DamagedObjectError(message.replace(` key=\`${key}\``, ''), key);
    default:
      return new InvariantError(`a transfer thread failed: ${message}`, options);
  }
}
