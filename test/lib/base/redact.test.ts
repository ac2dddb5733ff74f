import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptionError, UsageError } from '../../../lib/base/errors.ts';
import { jsonLog } from '../../../lib/base/log.ts';
import { redact } from '../../../lib/base/redact.ts';
import { parseDocument } from '../../../lib/contract/parse-document.ts';
import { ticketSchema } from '../../../lib/contract/ticket.ts';
import { manualClock } from '../../support/manual-clock.ts';

const secret = fc
  .array(fc.constantFrom('a', 'f', 'X', 'Z', '0', '9', '%', '+', '_', '-'), { minLength: 12, maxLength: 40 })
  .map((letters) => `S3cr${letters.join('')}`);

/** Addresses as people paste them, each with a secret in it. */
const address = fc
  .tuple(
    secret,
    fc.constantFrom(
      (key: string) => `https://me:${key}@proxy.internal:3128/path`,
      (key: string) => `http://${key}@169.254.169.254`,
      (key: string) => `https://b.s3.amazonaws.com/train.bin?X-Amz-Expires=60&X-Amz-Signature=${key}`,
      (key: string) => `https://b.s3.amazonaws.com/x?x-amz-security-token=${key}&x-id=GetObject`,
      (key: string) => `https://b.s3.amazonaws.com/x?AWSAccessKeyId=A&Signature=${key}&Expires=1`,
      (key: string) => `https://account.blob.core.windows.net/c/x?sv=2024&sig=${key}`,
    ),
  )
  .map(([key, at]) => ({ key, uri: at(key) }));

describe('a secret in an address', () => {
  it('gets into no message, hint or fact of an error', () => {
    fc.assert(
      fc.property(address, ({ key, uri }) => {
        const error = new UsageError(`there is nothing at ${uri}.`, { facts: { uri }, hint: `Try ${uri}.` });
        expect([error.message, error.hint, error.stack].join('\n')).not.toContain(key);
      }),
    );
  });

  it('gets into no line of a log, nor into the stack that an error brings there', () => {
    fc.assert(
      fc.property(address, ({ key, uri }) => {
        const lines: string[] = [];
        const log = jsonLog({ clock: manualClock(), write: (line) => lines.push(line) });
        log.with({ store: uri }).warn('read-again', { error: String(new TypeError(`no answer: ${uri}`)) });
        expect(lines.join('')).not.toContain(key);
        expect(JSON.parse(lines[0] ?? '')).toMatchObject({ event: 'read-again', level: 'warn' });
      }),
    );
  });

  it('is not told by a document that cannot be read', () => {
    fc.assert(
      fc.property(address, ({ key, uri }) => {
        const read = (): unknown =>
          parseDocument(ticketSchema, JSON.stringify({ format: 1, jobId: uri, [uri]: uri }), {
            what: 'message',
            at: uri,
          });
        expect(read).toThrow(CorruptionError);
        expect(read).not.toThrow(key);
      }),
    );
  });
});

it('leaves what is no secret as it is', () => {
  for (const text of [
    's3://bucket/prefix?region=eu-west-1&endpoint=http://127.0.0.1:9000',
    'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs',
    'write to people@example.org about x?signal=SIGTERM',
    '`holdfast fork job@step12 --id other` finishes it: file:///a/b@c',
  ])
    expect(redact(text)).toBe(text);
});

it('takes no longer for a text without an end', () => {
  const text = `https://${'a'.repeat(2_000_000)}?sig=${'b'.repeat(2_000_000)}`;
  expect(redact(text).length).toBeLessThan(text.length);
});
