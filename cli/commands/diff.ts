import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { Command } from '../context.ts';
import { CdkSession } from '../deploy/cdk-session.ts';
import { chooseStack } from '../deploy/cloud-assembly.ts';
import type { DeployInput } from '../deploy/inputs.ts';

/** `holdfast diff`: what `holdfast up` would change; 6 where it would change anything. */
export const diff: Command<DeployInput> = async (context, input) => {
  const { terminal, streams } = context;
  const session = new CdkSession(context, input);
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-diff-'));
  try {
    const stack = chooseStack(await session.synthesize(join(dir, 'cdk.out')), input.stack);
    const { differs, environment, needsBootstrap } = await session.compare(join(dir, 'cdk.out'), stack, {
      onText: (text) => (terminal.json ? streams.writeErr(text) : streams.writeOut(text)),
      words: input.words,
    });
    if (terminal.json) {
      terminal.printJson({
        stack: stack.name,
        environment: environment ?? null,
        differs,
        needsBootstrap,
      });
    }
    terminal.suggest(differs ? 'Next: `holdfast up` deploys this.' : 'What is deployed is up to date.');
    return differs ? exitCodes.checkFailed : exitCodes.ok;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};
