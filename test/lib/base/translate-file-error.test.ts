import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { AccessDeniedError, TransientError, UsageError, remedyOf } from '../../../lib/base/errors.ts';
import { translateFileError } from '../../../lib/base/translate-file-error.ts';

const systemError = (code: string): Error => Object.assign(new Error(code), { code, syscall: 'open' });

describe('translateFileError', () => {
  it.each([
    ['EACCES', AccessDeniedError],
    ['EPERM', AccessDeniedError],
    ['EROFS', AccessDeniedError],
    ['ENAMETOOLONG', UsageError],
    ['ENOSPC', TransientError],
    ['EDQUOT', TransientError],
    ['EIO', TransientError],
    ['EMFILE', TransientError],
  ])('makes %s what a caller can act on, and keeps the cause', (code, expected) => {
    const cause = systemError(code);
    const translated = translateFileError(cause, '/dir/file');
    expect(translated).toBeInstanceOf(expected);
    expect(translated).toMatchObject({ cause, message: expect.stringContaining('/dir/file') });
  });

  it('translates what a real system call throws', async () => {
    const error = await readFile('/').catch((thrown: unknown) => thrown);
    expect(remedyOf(translateFileError(error, '/'))).toBe('retry');
  });

  it('leaves alone what no system call threw', () => {
    const reason = new Error('deadline');
    expect(translateFileError(reason, '/dir')).toBe(reason);
    expect(translateFileError('text', '/dir')).toBe('text');
  });
});
