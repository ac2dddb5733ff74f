import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { checkJobId, nameOfFile, newJobId, slugOf } from '../../../lib/client/job-name.ts';
import { jobIdPattern } from '../../../lib/contract/object-keys.ts';

describe('job ids', () => {
  it.each([
    ['My Net/v2', 'my-net-v2'],
    ['Größe', 'gro-e'],
    ['--', ''],
    ['x'.repeat(100), 'x'.repeat(56)],
  ])('spells %j as %j', (name, slug) => expect(slugOf(name)).toBe(slug));

  it('begins with the name and always fits the pattern', () => {
    for (const name of ['train', '', '日本', 'x'.repeat(200), 'a-'.repeat(60)]) {
      for (let seed = 1; seed <= 50; seed++) {
        const jobId = newJobId(name, seededRandom(seed));
        expect(jobId, `${name} with seed ${seed}`).toMatch(jobIdPattern);
        expect(jobId).toMatch(/^[a-z].*-[0-9a-z]{6}$/);
      }
    }
  });

  it('takes the name of a file without its folder and extension', () =>
    expect(nameOfFile('examples/mnist/train.ts')).toBe('train'));

  it.each(['', 'A', '-a', 'a-', 'a_b', 'a/b', '..', 'x'.repeat(64)])('refuses %j as an id', (id) =>
    expect(() => checkJobId(id)).toThrow('not a job id'),
  );
});
