import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** They leave nothing behind in their process, and there are more of them than of any other. */
const pure = ['base', 'client', 'contract', 'interruption', 'journal', 'ledger', 'queue', 'store'].map(
  (folder) => `test/lib/${folder}/**/*.test.ts`,
);

export default defineConfig({
  test: {
    // These have runs of their own: vitest.moto.config.ts, vitest.native.config.ts, vitest.proof.config.ts, vitest.histories.config.ts.
    exclude: ['test/moto/**', 'test/native/**', 'test/proof/end-to-end/**', 'test/simulation/long/**'],
    globalSetup: ['test/support/build-once.ts'],
    env: {
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      AWS_EC2_METADATA_DISABLED: 'true',
      CDK_VALIDATION: 'false',
    },
    testTimeout: 30_000,
    // Many tests wait for processes of their own: one worker a core, also where there are only two.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        // To load the same modules for each file anew takes longer than these tests.
        test: { name: 'pure', include: pure, isolate: false },
      },
      {
        extends: true,
        test: { name: 'isolated', include: ['test/**/*.test.ts'], exclude: pure },
      },
    ],
  },
});
