import { huntHistories } from './hunt-histories.ts';

huntHistories(0);
