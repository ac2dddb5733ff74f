import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { decodeName, encodeName, pathOfKey } from '../../../lib/store/key-paths.ts';

describe('paths of keys', () => {
  const name = { claim: 3, ordinal: 1, step: 400 };
  const sha256 = sha256Hex('chunk');

  it.each([
    objectKeys.spec('job-1', 1),
    objectKeys.journalEntry('job-1', 17),
    objectKeys.stateHint('job-1'),
    objectKeys.heartbeat('job-1', 3),
    objectKeys.manifest('job-1', name),
    objectKeys.chunk('job-1', name, { sha256, codec: 'none' }),
    objectKeys.chunk('job-1', name, { sha256, codec: 'planes' }),
    objectKeys.logSegment('job-1', 3, 1),
    objectKeys.metricSegment('job-1', 3, 1),
    objectKeys.input(sha256),
  ])('shows %s under its own path', (key) => {
    expect(pathOfKey('/root', key)).toBe(`/root/${key}`);
  });

  it.each([
    ['n', '/root/n%'],
    ['n/b.json', '/root/n/b.json'],
    ['v1.2/b.json', '/root/v1.2%/b.json'],
    ['Case.json', '/root/%43ase.json'],
    ['../up.json', '/root/%2e.%/up.json'],
    ['.locks/x.json', '/root/%2elocks%/x.json'],
    ['a//b.json', '/root/a/%_/b.json'],
    ['a/', '/root/a/%_%'],
    ['50%.json', '/root/50%25.json'],
    ['caf\u00e9.json', '/root/caf%c3%a9.json'],
    [`programs/${sha256}/program.mjs`, `/root/programs/${sha256}%/program.mjs`],
  ])('writes %j as %s', (key, path) => {
    expect(pathOfKey('/root', key)).toBe(path);
  });

  it('gives back every name, for files and for folders', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('/')),
        fc.constantFrom('file' as const, 'folder' as const),
        (text, kind) => {
          expect(decodeName(encodeName(text, kind), kind)).toBe(text);
        },
      ),
    );
  });

  it('never gives two keys one path, nor one key the path of a folder of another', () => {
    const segment = fc.constantFrom(
      'n',
      'n.b',
      'N',
      '',
      '.',
      '..',
      'n%',
      '%_',
      'é',
      'e\u0301',
      sha256,
      '%',
      'n b',
    );
    const key = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'));
    fc.assert(
      fc.property(key, key, (one, other) => {
        fc.pre(one !== other);
        const [onePath, otherPath] = [pathOfKey('/r', one), pathOfKey('/r', other)];
        expect(onePath.toLowerCase()).not.toBe(otherPath.toLowerCase());
        expect(onePath.startsWith(`${otherPath}/`)).toBe(false);
        expect(onePath).toMatch(/^\/r(\/[^/.][^/]*)+$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes no entry for a key that no key would have put there', () => {
    for (const entry of ['README', '.locks', 'a b.txt', '%6e', '%zz', '%', 'n.b%'])
      expect(decodeName(entry, 'file')).toBeUndefined();
    for (const entry of ['.git', 'n%', 'v1.2']) expect(decodeName(entry, 'folder')).toBeUndefined();
  });
});
