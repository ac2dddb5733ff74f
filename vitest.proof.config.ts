import { defineConfig } from 'vitest/config';

/** `npm run test:proof`: what proves that nothing is lost, with real processes: verified programs, rehearsals, short soaks. */
export default defineConfig({
  test: {
    include: ['test/proof/end-to-end/**/*.test.ts'],
    globalSetup: ['test/support/build-once.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // The processes use both cores: one file after the other.
    fileParallelism: false,
  },
});
