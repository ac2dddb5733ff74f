import { defineConfig } from 'vitest/config';
import { nativeBuild } from './test/support/native-build.ts';

/** `npm run test:native`: exact resume on the native backend, which `scripts/build-native.mjs` built before. */
export default defineConfig({
  test: {
    // Where it is missing one visible skip stands for all of them.
    include: 'home' in nativeBuild() ? ['test/native/**/*.test.ts'] : ['test/native/native-is-there.test.ts'],
    globalSetup: ['test/support/build-once.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // The trainers use both cores: one file after the other.
    fileParallelism: false,
    maxConcurrency: 2,
  },
});
