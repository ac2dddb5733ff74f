import { createRequire } from 'node:module';
import type * as tensorFlow from '@tensorflow/tfjs';
import type * as wasmBackend from '@tensorflow/tfjs-backend-wasm';

// An `import` would have Node.js read these megabytes of CommonJS for the names of their exports before it runs them: a
// third of a second at each start of a trainer.
const require = createRequire(import.meta.url);

/** The one instance of TensorFlow.js in this process. */
export const tf: typeof tensorFlow = require('@tensorflow/tfjs');

/** As a function: the package makes wasm the preferred backend as soon as it is loaded. */
export function loadWasmBackend(): typeof wasmBackend {
  return require('@tensorflow/tfjs-backend-wasm');
}
