import { describe, expect, it } from 'vitest';
import { parseNameValues } from '../../../lib/client/name-value.ts';

describe('parseNameValues', () => {
  it('takes all after the first = as the value', () =>
    expect(parseNameValues(['a=1', 'b=x=y', 'c='], '--set')).toEqual({ a: '1', b: 'x=y', c: '' }));

  it.each([['a'], ['=1'], ['']])('refuses %j and names the option', (text) =>
    expect(() => parseNameValues([text], '--set')).toThrow('--set is not name=value'),
  );

  it('refuses a name given twice', () =>
    expect(() => parseNameValues(['a=1', 'a=2'], '--input')).toThrow('--input names `a` twice'));

  it('keeps names that objects have from birth as plain names', () =>
    expect(Object.entries(parseNameValues(['__proto__=1'], '--set'))).toEqual([['__proto__', '1']]));
});
