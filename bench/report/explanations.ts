/** Why a goal is not met, by row id: what was measured that shows the reason. Told in docs/performance.md. */
export const explanations: Readonly<Record<string, string>> = {
  'memory-peak-flush':
    'The two slots in shared memory are twice the state, and the snapshot that is held while all tensors change is once more: three before any buffer. ' +
    'Buffers of the upload and memory that the WebAssembly heap never gives back come on top; in a quick run, whose state is small, they weigh most.',
};
