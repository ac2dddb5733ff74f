/** The sink as a process of its own, so that what it costs is not counted for whoever is measured. */
import { systemClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { ImdsServer } from '../../local/imds-server.ts';
import type { SinkReply, SinkRequest } from './sink-messages.ts';
import { SinkServer } from './sink-server.ts';

const instance = { id: 'bench', type: 'bench', zone: 'bench-1a' };
const server = new SinkServer(systemClock);
const reply = (message: SinkReply): void => void process.send?.(message);

process.on('message', (request: SinkRequest) => {
  switch (request.kind) {
    case 'set':
      server.set(request.state);
      return reply({ kind: 'done' });
    case 'counted':
      return reply({ kind: 'counters', counters: server.counted() });
    case 'clear':
      server.objects.clear();
      return reply({ kind: 'done' });
    case 'imds':
      void ImdsServer.start({ instance, clock: systemClock, random: systemRandom }).then(({ endpoint }) =>
        reply({ kind: 'imds', endpoint }),
      );
      return;
    case 'fill':
      for (const { key, body: text, etag } of request.objects) {
        const body = Buffer.from(text, 'base64');
        server.objects.put(key, { body, bytes: body.length, lastModified: systemClock.now(), etag });
      }
      return reply({ kind: 'done' });
  }
});
// A sink without a bench has no purpose.
process.on('disconnect', () => process.exit(0));

reply({ kind: 'listening', port: await server.listen() });
