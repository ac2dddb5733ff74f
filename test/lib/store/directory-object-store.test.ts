import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { openDirectoryObjectStore } from '../../../lib/store/directory-object-store.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { describeObjectStore } from './object-store-contract.ts';

describeObjectStore('DirectoryObjectStore', async () => {
  const { dir, remove } = await scratchFolder();
  const store = await openDirectoryObjectStore(pathToFileURL(dir).href);
  return {
    store,
    cleanUp: async () => {
      expect(await readdir(join(dir, '.temporary'))).toEqual([]);
      await store.close();
      expect(await readdir(join(dir, '.locks'))).toEqual([]);
      await remove();
    },
  };
});
