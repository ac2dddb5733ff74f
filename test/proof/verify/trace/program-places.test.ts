import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { type Caller, callerIn } from '../../../../proof/verify/trace/program-places.ts';

it('tells what the program asks from what Node.js asks for itself on the way', () => {
  let caller: Caller | undefined;
  const asked = (): string => {
    caller = callerIn(import.meta.filename, asked);
    return '';
  };
  asked();
  expect(caller).toMatchObject({ isDirect: true, isByNode: false });
  inspect({ [inspect.custom]: asked });
  expect(caller).toMatchObject({ isDirect: true, isByNode: true });
});
