/** An agent on a line that learns where to go: no data, a replay buffer, an environment and plain objects as state, chance in every step. */
import * as tf from '@tensorflow/tfjs';
import { defineTraining, minimize, replayBuffer, type Rng } from 'holdfast/training';

/** A walker that wants to stand at a goal, which moves when it is reached. */
class Line {
  #at = 0;
  #goal: number;
  constructor(rng: Rng) {
    this.#goal = rng.next() * 2 - 1;
  }
  see(): number[] {
    return [this.#at, this.#goal];
  }
  move(by: number, rng: Rng): number {
    this.#at = Math.max(-1, Math.min(1, this.#at + by));
    const distance = Math.abs(this.#at - this.#goal);
    if (distance < 0.1) this.#goal = rng.next() * 2 - 1;
    return -distance;
  }
  save(): { at: number; goal: number } {
    return { at: this.#at, goal: this.#goal };
  }
  load({ at, goal }: { at: number; goal: number }): void {
    this.#at = at;
    this.#goal = goal;
  }
}

export default defineTraining({
  params: { steps: 150, batchSize: 16, learningRate: 5e-2 },
  setup({ params, rng }) {
    const table = tf.variable(tf.randomNormal([2, 3]), true, 'table');
    const optimizer = tf.train.momentum(params.learningRate, 0.9);
    const replay = replayBuffer(200, { seen: 2, action: 1, reward: 1 });
    const line = new Line(rng);
    const visits = { byAction: new Map<number, number>(), best: -Infinity };
    return {
      state: { table, optimizer, replay, line, visits },
      until: { steps: params.steps },
      step({ step, rng: chance }) {
        const seen = line.see();
        const greedy = tf.tidy(
          () =>
            tf
              .matMul(tf.tensor2d(seen, [1, 2]), table)
              .argMax(1)
              .dataSync()[0] ?? 0,
        );
        const action = chance.next() < 0.3 ? chance.int(3) : greedy;
        const reward = line.move((action - 1) * 0.2, chance);
        replay.push({ seen, action, reward });
        visits.byAction.set(action, (visits.byAction.get(action) ?? 0) + 1);
        visits.best = Math.max(visits.best, reward);
        if (step < 10) return { reward };
        const batch = replay.sample(params.batchSize, chance);
        const loss = minimize(optimizer, [table], () => {
          const values = tf.matMul(tf.tensor2d(batch.seen, [params.batchSize, 2]), table);
          const taken = tf.oneHot(tf.tensor1d(Int32Array.from(batch.action), 'int32'), 3);
          return tf.losses.huberLoss(tf.tensor1d(batch.reward), values.mul(taken).sum(1));
        });
        return { loss, reward };
      },
    };
  },
});
