/** Why a goal is not met, by row id: what was measured that shows the reason. Told in docs/performance.md. */
export const explanations: Readonly<Record<string, string>> = {
  'stolen-wasm':
    'What a save takes is near its goal, and what lies above it is the machine: four threads write 256 MB at 3 GB/s while the loop goes on, on two cores that they share with it. ' +
    'The meter of the trainer itself, which counts only its own work between steps, says 0.06 to 0.16 × memcpy.',
  'stolen-cpu':
    'The state is small here (the cpu backend is slow): a copy of it takes 6 ms, and a turn of the event loop without any save was seen to take 1 to 31 ms on this backend. Writing makes no copy. What those turns do, garbage collection perhaps, was not established.',
  'pause-longest-cpu': 'As for the stolen time; the longest pause is some 5 ms.',
  'notice-to-durable-0.6':
    'Some 0.14 to 0.19 s come on top of the raw upload, at half a gigabyte as at one and at both speeds: staging takes all of the two cores while the first chunks are hashed and sent, and sink and trainer run on them too. At 0.6 GB/s that is more than 8 % of a gigabyte.',
  'cpu-per-gb':
    'Hashing takes 0.58 CPU-s/GB here and a bare `node:http` PUT 0.33 to 0.37; signing and the client of the SDK take the rest. It lies on both sides of its goal from run to run (1.1 to 1.5).',
  'overhead-steady':
    'The loop adds 10 µs to a step of 6.6 ms, 0.15 %: the generator of the step, the yield to messages, the metrics. Looking for notices adds 0.1 % of two cores. Steps of 20 ms and more meet the goal.',
  'resume-fixed':
    'Node.js, TensorFlow.js and the WebAssembly backend take most of it to start, before the program does anything.',
  'resume-0.3':
    'Download and verification end at 1.16 × the raw download. What follows is TensorFlow.js: the files are read, made into arrays and copied into the heap of WebAssembly, three passes over fresh memory at 0.5 to 1 GB/s on the main thread, and the slots are written with zeros before the first step.',
  'resume-0.6':
    'As at 0.3 GB/s; here the download is shorter, so that what follows it weighs more, and verification shares two cores with the sink and the starting trainer.',
  'goodput-10gb':
    'Each notice ends with a flush of 18 s in which nothing can be trained, 0.33 % of the mean up-time of 91 minutes in these recordings; margins are 0.08 %, what saves take from training 0.09 %, losses without a notice 0.2 %. Saving more often gains nothing more: twice the requests give 0.9930.',
  'memory-peak-flush':
    'The two slots in shared memory are twice the state, and the snapshot that is held while all tensors change is once more: three before any buffer. ' +
    'Buffers of the upload and memory that the WebAssembly heap never gives back come on top; in a quick run, whose state is small, they weigh most.',
  'memory-peak-restore':
    'The two slots, reserved before the first step, are twice the state; the file that is read and the arrays made of it come on top until they are collected.',
};
