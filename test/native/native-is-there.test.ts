import { expect, it } from 'vitest';
import { nativeBuild } from '../support/native-build.ts';

/** The one test that stands for all of this folder where the backend could not be built: skipped, with what is missing. */
it('finds the native backend, built against a TensorFlow of its own', ({ skip }) => {
  const build = nativeBuild();
  if ('missing' in build) skip(build.missing);
  else expect(build).toMatchObject({ tfjs: '4.22.0', tensorflow: expect.stringMatching(/^2\./) });
});
