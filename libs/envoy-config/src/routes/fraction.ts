import { FractionalPercent_DenominatorType } from '@weft/xds/gen/envoy/type/v3/percent.js';

/** Of 100, with four decimals kept. */
export const fractionalPercent = (percent: number) => ({
  numerator: Math.round(percent * 10_000),
  denominator: FractionalPercent_DenominatorType.MILLION,
});
