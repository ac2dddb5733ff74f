import { openS3ObjectStore } from '../../../lib/aws/s3-object-store.ts';
import { startFakeAws } from '../../support/fake-aws/fake-aws.ts';
import { describeObjectStore } from '../store/object-store-contract.ts';

describeObjectStore('S3ObjectStore', async () => {
  const aws = await startFakeAws();
  aws.s3.createBucket('bucket');
  const store = await openS3ObjectStore(aws.storeUri('bucket', 'a/prefix'), { credentials: aws.credentials });
  return {
    store,
    async cleanUp() {
      await store.close();
      await aws.close();
    },
  };
});
