/** The worker of an EC2 instance: entry of the worker bundle. It takes no arguments; its environment says everything. */
import { runCommand } from './run-command.ts';
import { runInstance } from './run-instance.ts';

// The AWS SDK, which is loaded with the first store, would say which versions of Node.js it is going to drop.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

process.exitCode = await runInstance({
  env: process.env,
  writeLog: (line) => void process.stderr.write(line),
  run: runCommand,
});
