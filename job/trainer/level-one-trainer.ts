import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../lib/base/assert.ts';
import {
  type SupervisorMessage,
  trainerMessageSchema,
  type TrainerStart,
} from '../../lib/contract/trainer-messages.ts';
import { StagedCheckpoint } from '../staged-checkpoint.ts';
import { slotDir } from '../work-dirs.ts';
import { openChannel } from './channel.ts';
import { spawnGroup } from './spawn-group.ts';
import type { TrainerOrder } from './start-trainer.ts';
import type { Trainer, TrainerEvents } from './trainer.ts';

/** The process of a trainer. */
export interface TrainerProcess {
  readonly command: string;
  readonly args: readonly string[];
  /** @default the worker's own */
  readonly env?: NodeJS.ProcessEnv;
  /** @default the home of the attempt */
  readonly cwd?: string;
}

/** Starts a process that speaks level 1 on file descriptor 3; its last argument names the file with its orders. */
export function startLevelOneTrainer(
  order: TrainerOrder,
  events: TrainerEvents,
  host: TrainerProcess,
): Trainer {
  const startPath = join(order.dirs.home, 'start.json');
  writeFileSync(startPath, JSON.stringify(startOf(order)));
  const group = spawnGroup({
    command: host.command,
    args: [...host.args, startPath],
    env: host.env ?? process.env,
    cwd: host.cwd ?? order.dirs.home,
    channel: true,
    onOutput: events.output,
    onExit: events.exit,
  });
  assert(group.channel !== undefined, 'the channel was asked for');
  const channel = openChannel<typeof trainerMessageSchema, SupervisorMessage>(group.channel, {
    incoming: trainerMessageSchema,
    onMessage: events.message,
    onFault: (why) => {
      const message = `the trainer broke the protocol: ${why}`;
      events.message({ kind: 'failed', error: { cause: 'infrastructure', message, step: 0 } });
      group.kill();
    },
    // The end of the process is told by `exit`, which comes after the last message.
    onClose() {},
  });
  return {
    asksEarly: false,
    send: (message) => channel.send(message),
    open: (message) => new StagedCheckpoint(message, slotDir(order.dirs.staging, message.slot)),
    kill: () => group.kill(),
  };
}

function startOf(order: TrainerOrder): TrainerStart {
  const { spec, dirs, programPath, inputs, inputDigests, resuming, risk, record, course } = order;
  const { program } = spec;
  assert(program.kind === 'training' && programPath !== undefined, 'the host runs a bundled program');
  return {
    format: 1,
    jobId: spec.jobId,
    program: programPath,
    params: program.params,
    ...(program.seed !== undefined && { seed: program.seed }),
    ...(program.backend !== undefined && { backend: program.backend }),
    inputs: { ...inputs },
    inputDigests: { ...inputDigests },
    resuming,
    stagingDir: dirs.staging,
    save: spec.save,
    risk,
    ...(record !== undefined && { record }),
    ...(course !== undefined && { course }),
  };
}
