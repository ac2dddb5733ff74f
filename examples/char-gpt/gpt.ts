import * as tf from '@tensorflow/tfjs';

/** Windows of text as codes of characters, and the same moved on by one: [n, t] each. */
export interface Windows {
  readonly read: tf.Tensor2D;
  readonly next: tf.Tensor2D;
}

export interface Gpt {
  /** Everything that training changes. */
  readonly weights: tf.Variable[];
  /** [n, t] codes → [n, t, characters] logits of the character that follows. */
  predict(read: tf.Tensor2D, dropout: number): tf.Tensor3D;
  /** Mean cross-entropy of the characters that follow, in nats. */
  loss(windows: Windows, dropout: number): tf.Scalar;
}

export interface GptShape {
  readonly characters: number;
  readonly context: number;
  readonly width: number;
  readonly heads: number;
  readonly blocks: number;
}

type Layer = (x: tf.Tensor) => tf.Tensor;

/** A transformer decoder with norms before its layers. What embeds a character also recognises it. */
export function createGpt({ characters, context, width, heads, blocks }: GptShape): Gpt {
  const weights: tf.Variable[] = [];
  const variable = (name: string, initial: tf.Tensor): tf.Variable => {
    const made = tf.variable(initial, true, name);
    weights.push(made);
    return made;
  };
  const matrix = (name: string, rows: number, columns: number): tf.Variable =>
    variable(name, tf.randomNormal([rows, columns], 0, 0.4 / Math.sqrt(rows)));
  const norm = (name: string): Layer => normalize(variable(`${name}/gain`, tf.ones([width])));

  const embedding = variable('embedding', tf.randomNormal([characters, width], 0, 0.1));
  const positions = variable('positions', tf.randomNormal([context, width], 0, 0.1));
  const layers = Array.from({ length: blocks }, (_, at) => {
    const name = `block${at}`;
    const parts = ['query', 'key', 'value', 'merge'].map((part) => matrix(`${name}/${part}`, width, width));
    const [query, key, value, merge] = parts as [tf.Variable, tf.Variable, tf.Variable, tf.Variable];
    const up = matrix(`${name}/up`, width, 4 * width);
    const down = matrix(`${name}/down`, 4 * width, width);
    return {
      normBeforeAttention: norm(`${name}/attention`),
      attend: attention({ query, key, value, merge, heads }),
      normBeforeThought: norm(`${name}/thought`),
      think: (x: tf.Tensor) => project(project(x, up).relu().square(), down),
    };
  });
  const lastNorm = norm('last');

  const predict = (read: tf.Tensor2D, dropout: number): tf.Tensor3D => {
    const drop: Layer = (x) => (dropout > 0 ? tf.dropout(x, dropout) : x);
    const [, length] = read.shape;
    let x = embedding.gather(read).add(positions.slice([0, 0], [length, width]));
    for (const { normBeforeAttention, attend, normBeforeThought, think } of layers) {
      x = x.add(drop(attend(normBeforeAttention(x))));
      x = x.add(drop(think(normBeforeThought(x))));
    }
    return project(lastNorm(x), embedding.transpose());
  };
  return {
    weights,
    predict,
    loss: ({ read, next }, dropout) =>
      tf.losses.softmaxCrossEntropy(tf.oneHot(next, characters), predict(read, dropout)),
  };
}

interface AttentionWeights {
  /** [width, width] each. */
  readonly query: tf.Tensor;
  readonly key: tf.Tensor;
  readonly value: tf.Tensor;
  readonly merge: tf.Tensor;
  readonly heads: number;
}

/** Every character looks at itself and at those before it. */
function attention({ query, key, value, merge, heads }: AttentionWeights): Layer {
  return (x) => {
    const [n = 1, length = 1, width = 1] = x.shape;
    const split = (weight: tf.Tensor): tf.Tensor =>
      project(x, weight)
        .reshape([n, length, heads, width / heads])
        .transpose([0, 2, 1, 3]);
    const past = tf.linalg.bandPart(tf.ones([length, length]), -1, 0);
    const scores = split(query).matMul(split(key), false, true);
    const shares = tf.softmax(scores.div(Math.sqrt(width / heads)).add(past.sub(1).mul(1e9)));
    const seen = shares.matMul(split(value)).transpose([0, 2, 1, 3]);
    return project(seen.reshape([n, length, width]), merge);
  };
}

function normalize(gain: tf.Tensor): Layer {
  return (x) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return x.sub(mean).div(variance.add(1e-5).sqrt()).mul(gain);
  };
}

/** [n, t, a] × [a, b] → [n, t, b], as one product of two matrices. */
function project(x: tf.Tensor, weight: tf.Tensor): tf.Tensor3D {
  const [n = 1, length = 1, a = 1] = x.shape;
  const [, b = 1] = weight.shape;
  return x
    .reshape([n * length, a])
    .matMul(weight)
    .reshape([n, length, b]);
}
