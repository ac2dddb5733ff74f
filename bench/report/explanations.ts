/** Why a goal is not met, by row id: what was measured that shows the reason. Told in docs/performance.md. */
export const explanations: Readonly<Record<string, string>> = {
  'stolen-wasm':
    'Two turns take most of it, 2 to 6 ms each: while the writes are submitted, four threads begin with them on the two cores that they share with the loop. A later turn takes 0.1 to 0.2 ms more than one without a checkpoint. ' +
    'Median 0.23 to 0.36 from run to run. With one or two writes at a time instead it was 0.37 to 0.46: more turns, each of which is answered for. The meter of the trainer itself, which counts only its own work between steps, says 0.06 to 0.16 × memcpy.',
  'stolen-cpu':
    'More than half is garbage: of some 25 ms in the turns of a save 15 ms were collections (as V8 reports them), against 5 ms in as many turns without one, which are taken off. This backend makes 17 MB of new arrays each step, and what a snapshot holds cannot go meanwhile. ' +
    'The first turn, which submits the writes, takes 3 to 6 ms: four writing threads share two cores with it. The state is small here (the cpu backend is slow), so that a copy of it takes 6 to 8 ms.',
  'pause-longest-cpu':
    'Mostly a collection of garbage, 6 to 20 ms with four threads that write on the same two cores. With one write at a time it was 0.65 to 0.78 × memcpy instead of 1.3, but then the stolen time of the wasm backend, which larger states use, grew from 0.23–0.36 to 0.37–0.46.',
  'notice-to-durable-0.6':
    'Seen from the line, it waits 35 to 120 ms for its first bytes and hardly afterwards: the first chunk is written, read and hashed while trainer, threads, supervisor and sink share two cores. Manifest and journal take 12 ms at the end. ' +
    'At a higher priority than everything else on the machine the median was 1.03 to 1.07; whatever else runs on its two cores comes on top.',
  'cpu-per-gb':
    'By turns in one process: hashing 0.60 to 0.72 CPU-s/GB, a bare `node:http` PUT 0.35 to 0.58, and the client of the SDK for 128 requests, measured with bodies of 16 bytes, 0.22 to 0.35, spread over its middleware without one costly place. ' +
    'Their sum lies at the goal, and the machine differs by more than the distance: curl, which does none of it but the sending, took 0.51 CPU-s/GB in one run and 0.62 in another.',
  'overhead-steady':
    'The loop adds 5 µs to a step of 6.3 ms, 0.08 %: the turn of the event loop for messages and the allocations of promises, contexts and metrics. Looking for notices adds 0.09 % of two cores.',
  'resume-0.6':
    'Two cores have no more: until the first step the supervisor takes 1.8 to 2.0 CPU seconds (receiving, hashing, writing), the trainer 2.0 to 2.1 (starting, making its state, reading the checkpoint into it) and the sink 0.26, which is 2.05 s of both cores where nothing ever waits. ' +
    'At 0.3 GB/s the line takes longer than that, and the goal is met.',
  'goodput-10gb':
    'Each notice ends with a flush of 18 s in which nothing can be trained, 0.33 % of the mean up-time of 91 minutes in these recordings; margins are 0.08 %, what saves take from training 0.09 %, losses without a notice 0.2 %. Saving more often gains next to nothing: 0.9930 takes twice the requests, which at 10 GB cost more than the training time that they save.',
};
