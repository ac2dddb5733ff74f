/**
 * A character-level GPT: two transformer blocks, some 60,000 weights, trained on the first two chapters of Moby Dick.
 * After a minute on a laptop it writes words that nearly exist. Every hundred steps it prints a sample of its prose.
 *
 * Dropout, the order of the text and the samples draw from the seed and the step alone, so that an interrupted training
 * writes the very same sentences.
 */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { cosine, defineTraining, minimize, type Rng, setLearningRate } from 'holdfast/training';
import { createGpt, type Gpt } from './gpt.ts';

export default defineTraining({
  params: {
    steps: 800,
    batchSize: 16,
    learningRate: 4e-3,
    /** Characters that the model looks back at. */
    context: 32,
    width: 48,
    heads: 4,
    blocks: 2,
    dropout: 0.1,
  },
  inputs: { text: './text.txt' },

  setup({ params, inputs }) {
    const text = readText(inputs['text']);
    const { context } = params;
    // The last tenth is kept apart, to see how well it does on text that it has not read.
    const trainLength = Math.floor(text.codes.length * 0.9);
    const model = createGpt({ ...params, characters: text.alphabet.length });
    const optimizer = tf.train.adam(params.learningRate, 0.9, 0.99);
    const learningRate = cosine({ peak: params.learningRate, warmup: 20, steps: params.steps });

    /** Windows of the text: [n, context] and the same moved on by one. */
    const windows = (starts: ArrayLike<number>) => {
      const cut = (shift: number) =>
        tf.tensor2d(
          Int32Array.from({ length: starts.length * context }, (_, i) => {
            const start = starts[Math.floor(i / context)]!;
            return text.codes[start + (i % context) + shift]!;
          }),
          [starts.length, context],
          'int32',
        );
      return { read: cut(0), next: cut(1) };
    };

    return {
      state: { weights: model.weights, optimizer },
      until: { steps: params.steps },
      data: {
        examples: trainLength - context - 1,
        batchSize: params.batchSize,
        load: (starts) => windows(starts),
      },

      step({ batch, step }) {
        setLearningRate(optimizer, learningRate(step));
        return { loss: minimize(optimizer, model.weights, () => model.loss(batch, params.dropout)) };
      },

      evaluateEvery: { steps: 100 },
      best: { metric: 'validationLoss', mode: 'min' },
      async evaluate({ rng, step, signal }) {
        const held = text.codes.length - trainLength - context - 1;
        const starts = Array.from({ length: 64 }, (_, i) => trainLength + Math.floor((i * held) / 64));
        const validationLoss = tf.tidy(() => model.loss(windows(starts), 0).dataSync()[0]!);
        const sample = await write(model, { text, context, rng, signal, length: 160 });
        console.log(`step ${step}: …${sample.replaceAll('\n', ' ')}…`);
        return { validationLoss };
      },
    };
  },
});

interface Text {
  readonly alphabet: readonly string[];
  /** Index into the alphabet, character by character. */
  readonly codes: Int32Array;
}

function readText(path: string | undefined): Text {
  if (path === undefined) throw new Error('the input `text` is missing: --input text=FILE');
  const characters = Array.from(readFileSync(path, 'utf8'));
  const alphabet = [...new Set(characters)].toSorted();
  const code = new Map(alphabet.map((character, at) => [character, at]));
  return { alphabet, codes: Int32Array.from(characters, (character) => code.get(character)!) };
}

interface Writing {
  readonly text: Text;
  readonly context: number;
  readonly rng: Rng;
  readonly signal: AbortSignal;
  readonly length: number;
}

/** Goes on from the first words of the book, one character after the other. */
async function write(model: Gpt, { text, context, rng, signal, length }: Writing): Promise<string> {
  const codes = Array.from(text.codes.subarray(0, context));
  for (let written = 0; written < length; written++) {
    if (written % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    const shares = tf.tidy(() => {
      const read = tf.tensor2d(codes.slice(-context), [1, context], 'int32');
      const last = model.predict(read, 0).slice([0, context - 1, 0], [1, 1, -1]);
      return tf.softmax(last.reshape([-1])).dataSync();
    });
    codes.push(draw(shares, rng));
  }
  return codes
    .slice(context)
    .map((code) => text.alphabet[code])
    .join('');
}

/** One index, drawn by its share. */
function draw(shares: ArrayLike<number>, rng: Rng): number {
  let left = rng.next();
  for (let index = 0; index < shares.length; index++) {
    left -= shares[index]!;
    if (left < 0) return index;
  }
  return shares.length - 1;
}
