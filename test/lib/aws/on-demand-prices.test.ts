import { GetProductsCommand, PricingClient } from '@aws-sdk/client-pricing';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openOnDemandPrices } from '../../../lib/aws/on-demand-prices.ts';

/** As the price list spells a product, without what nobody reads. */
function product(usd: string, unit = 'Hrs'): string {
  return JSON.stringify({
    product: { sku: 'X', attributes: { instanceType: 'g5.xlarge', regionCode: 'eu-west-1' } },
    serviceCode: 'AmazonEC2',
    terms: {
      OnDemand: {
        'X.Y': { priceDimensions: { 'X.Y.Z': { unit, pricePerUnit: { USD: usd }, appliesTo: [] } } },
      },
    },
  });
}

describe('the On-Demand price', () => {
  let pricing: AwsClientStub<PricingClient>;

  beforeEach(() => {
    pricing = mockClient(PricingClient);
  });
  afterEach(() => pricing.restore());

  it('is that of a shared Linux machine by the hour in the region; unknown types are left out', async () => {
    const ofType = (type: string) => ({
      Filters: expect.arrayContaining([{ Type: 'TERM_MATCH', Field: 'instanceType', Value: type }]),
    });
    pricing.on(GetProductsCommand).callsFake(({ Filters }) =>
      Promise.resolve({
        PriceList:
          Filters[0].Value === 'g5.xlarge'
            ? ['not json', '{}', product('0.0000000000'), product('1.1230000000')]
            : [],
      }),
    );
    const prices = await openOnDemandPrices({ region: 'eu-west-1' }).of(['g5.xlarge', 'g99.xlarge']);
    expect(prices).toEqual(new Map([['g5.xlarge', 1.123]]));
    const [asked] = pricing.commandCalls(GetProductsCommand).map(({ args }) => args[0].input);
    expect(asked).toMatchObject({ ServiceCode: 'AmazonEC2', ...ofType('g5.xlarge') });
    expect(asked?.Filters).toContainEqual({ Type: 'TERM_MATCH', Field: 'regionCode', Value: 'eu-west-1' });
    expect(asked?.Filters).toContainEqual({ Type: 'TERM_MATCH', Field: 'capacitystatus', Value: 'Used' });
  });

  it.each([
    ['eu-west-1', 'eu-central-1'],
    ['me-south-1', 'eu-central-1'],
    ['us-west-2', 'us-east-1'],
    ['ap-southeast-1', 'us-east-1'],
  ])('for %s is asked of %s, where the list is', async (region, list) => {
    pricing.on(GetProductsCommand).resolves({ PriceList: [] });
    await openOnDemandPrices({ region }).of(['g5.xlarge']);
    const client = pricing.commandCalls(GetProductsCommand)[0]?.thisValue as PricingClient;
    expect(await client.config.region()).toBe(list);
  });
});
