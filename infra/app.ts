import { App, Stack } from 'aws-cdk-lib';
import { UsageError } from '../lib/base/errors.ts';
import { propsOfContext, readContext } from './context-props.ts';
import { SpotTraining } from './spot-training.ts';

/**
 * The app behind `cdk.json`: one stack that knows neither account nor region, so that it is synthesized without either
 * and deployed wherever the credentials point. What it holds is said by context, as `-c maxCapacity=8`.
 */
function holdfastApp(): void {
  const app = new App({ autoSynth: false });
  const context = readContext(app.node.getAllContext());
  const stack = new Stack(app, context.stackName ?? 'Holdfast', {
    description: 'Holdfast: training on Spot instances that may be taken away at any moment',
  });
  const training = new SpotTraining(stack, 'Training', propsOfContext(stack, context));
  training.exportDeployment();
  // Said by hand: an app that ends on its own leaves half an assembly behind what it refused.
  app.synth();
}

try {
  holdfastApp();
} catch (error) {
  // What was asked for does not fit: the words say so, and a stack of calls would only hide them. Anything else is a bug.
  if (!(error instanceof UsageError || (error instanceof Error && error.constructor === Error))) throw error;
  const hint = error instanceof UsageError && error.hint !== undefined ? `\n${error.hint}` : '';
  process.stderr.write(`holdfast: ${error.message}${hint}\n`);
  process.exitCode = 1;
}
