// Stands for the AWS CDK's command line in tests: says what the real one says, as far as `holdfast` reads it, and writes what
// the real one writes. What it does is told by $FAKE_CDK, a JSON object; every call is noted in $FAKE_CDK_CALLS.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const {
  stacks = ['training'],
  outputs = {},
  differs = true,
  prepared = true,
  fails = {},
  hangs,
} = JSON.parse(process.env.FAKE_CDK ?? '{}');
const args = process.argv.slice(2);
const command = args[0];
const valueOf = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const say = (text) => process.stderr.write(`${text}\n`);

appendFileSync(process.env.FAKE_CDK_CALLS, `${JSON.stringify({ args, cwd: process.cwd() })}\n`);

if (hangs === command) {
  process.on('SIGINT', () => {
    appendFileSync(process.env.FAKE_CDK_CALLS, `${JSON.stringify({ signal: 'SIGINT' })}\n`);
    process.exit(1);
  });
  say(`${command} has begun`);
  setInterval(() => {}, 1_000);
} else if (fails[command] !== undefined) {
  say(fails[command]);
  process.exit(1);
} else {
  work();
}

function work() {
  switch (command) {
    case 'synth': {
      const dir = valueOf('--output');
      mkdirSync(dir, { recursive: true });
      const artifacts = Object.fromEntries(
        stacks.map((name) => [
          `${name}Id`,
          { type: 'aws:cloudformation:stack', displayName: `${name}Id`, properties: { stackName: name } },
        ]),
      );
      writeFileSync(join(dir, 'manifest.json'), JSON.stringify({ version: '55.0.0', artifacts }));
      return;
    }
    case 'diff':
      if (!prepared) {
        say(
          "SSM parameter /cdk-bootstrap/hnb659fds/version not found in aws://123456789012/eu-central-1. Has the environment been bootstrapped? Please run 'cdk bootstrap'",
        );
      }
      say(`Stack ${args[1]} (aws://123456789012/eu-central-1)`);
      say(differs ? '[+] AWS::SQS::Queue Jobs' : 'There were no differences');
      say(`\n✨  Number of stacks with differences: ${differs ? 1 : 0}`);
      if (differs) process.exit(1);
      return;
    case 'deploy':
      say('training | 1/1 | CREATE_COMPLETE | AWS::CloudFormation::Stack');
      writeFileSync(valueOf('--outputs-file'), JSON.stringify(outputs));
      process.stdout.write('arn:aws:cloudformation:eu-central-1:123456789012:stack/training/1\n');
      return;
    default:
      say(`${command} done`);
  }
}
