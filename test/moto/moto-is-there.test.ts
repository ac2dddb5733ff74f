import { expect, it } from 'vitest';
import { motoIsInstalled, startMoto } from '../support/moto-server.ts';

/** The one test that stands for all of this folder where moto is not installed: it is skipped, for everybody to see. */
it.skipIf(!motoIsInstalled())('finds an independent AWS (moto_server) and starts it', async () => {
  const moto = await startMoto();
  try {
    expect((await fetch(`${moto.endpoint}/moto-api/`)).ok).toBe(true);
  } finally {
    await moto.stop();
  }
});
