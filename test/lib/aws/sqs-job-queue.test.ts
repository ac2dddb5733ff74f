import { openSqsJobQueue } from '../../../lib/aws/sqs-job-queue.ts';
import { ManualTime } from '../../support/fake-aws/aws-time.ts';
import { startFakeAws } from '../../support/fake-aws/fake-aws.ts';
import { describeJobQueue } from '../queue/job-queue-contract.ts';

for (const staleHandles of ['accepted', 'refused'] as const)
  describeJobQueue(
    `SqsJobQueue (stale handles ${staleHandles})`,
    async () => {
      const time = new ManualTime();
      const aws = await startFakeAws({ time });
      aws.sqs.createQueue('jobs', { staleHandles });
      const queue = await openSqsJobQueue(aws.queueUrl('jobs'), { credentials: aws.credentials });
      return {
        queue,
        advance: (ms) => time.advance(ms),
        async cleanUp() {
          await queue.close();
          await aws.close();
        },
      };
    },
    { staleHandles },
  );
