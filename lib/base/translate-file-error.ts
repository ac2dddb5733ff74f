import { AccessDeniedError, TransientError, UsageError } from './errors.ts';

/**
 * A file system's error in the classes of `errors.ts`, for drivers that keep their state in files. What no system call
 * threw is returned as it is. The outcome of a failed write is unknown, so that everything else is `TransientError`.
 */
export function translateFileError(error: unknown, path: string): unknown {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  const code = String(error.code);
  const facts = { path, code };
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new AccessDeniedError('the file system refused access.', {
        facts,
        cause: error,
        hint: 'Check who owns the folder, and whether it is mounted read-only.',
      });
    case 'ENAMETOOLONG':
      return new UsageError('a name is too long for this file system.', {
        facts,
        cause: error,
        hint: 'Use shorter keys, or a folder nearer to the root.',
      });
    case 'ENOSPC':
    case 'EDQUOT':
      return new TransientError('the disk is full.', {
        facts,
        cause: error,
        hint: 'Free space on this disk, or use a folder on another one.',
      });
    default:
      return new TransientError('the file system did not do what was asked.', { facts, cause: error });
  }
}
