import { aHundredHistories } from './a-hundred-histories.ts';

aHundredHistories(101);
