import { type Filter, GetProductsCommand, PricingClient } from '@aws-sdk/client-pricing';
import { z } from 'zod';
import type { OnDemandPrices } from '../fleet/ec2-market.ts';
import { type AwsClientOptions, awsClientSettings, callAws, sendOptions } from './aws-client.ts';

/** The parts of one product of the price list that say what an hour costs. */
const productSchema = z.object({
  product: z.object({ attributes: z.object({ instanceType: z.string() }) }),
  terms: z.object({
    OnDemand: z.record(
      z.string(),
      z.object({
        priceDimensions: z.record(
          z.string(),
          z.object({ unit: z.string(), pricePerUnit: z.object({ USD: z.string() }) }),
        ),
      }),
    ),
  }),
});

/**
 * The public price list for one region, which two regions serve for all others.
 * @param options.region whose prices are asked for
 */
export function openOnDemandPrices({
  region,
  ...options
}: AwsClientOptions & { readonly region: string }): OnDemandPrices {
  const client = new PricingClient(awsClientSettings({ ...options, region: listRegion(region) }));
  return {
    async of(types, signal) {
      const prices = await Promise.all(
        types.map(async (type) => [type, await priceOf(client, { type, region }, signal)] as const),
      );
      return new Map(
        prices.flatMap(([type, price]) => (price === undefined ? [] : [[type, price] as const])),
      );
    },
    close: () => client.destroy(),
  };
}

const listRegion = (region: string): string =>
  /^(?:eu|me|af|il)-/.test(region) ? 'eu-central-1' : 'us-east-1';

async function priceOf(
  client: PricingClient,
  { type, region }: { readonly type: string; readonly region: string },
  signal?: AbortSignal,
): Promise<number | undefined> {
  const command = new GetProductsCommand({
    ServiceCode: 'AmazonEC2',
    Filters: [
      is('instanceType', type),
      is('regionCode', region),
      is('operatingSystem', 'Linux'),
      is('tenancy', 'Shared'),
      is('preInstalledSw', 'NA'),
      is('capacitystatus', 'Used'),
    ],
  });
  const { PriceList = [] } = await callAws(
    { service: 'Price List', operation: 'GetProducts', target: `${type} in ${region}`, signal },
    () => client.send(command, sendOptions(signal)),
  );
  // The filter leaves one product, at one price; a free one would be a listing of another kind.
  const products: readonly unknown[] = PriceList;
  return products
    .map((product) => hourlyPrice(String(product)))
    .find((price) => price !== undefined && price > 0);
}

function is(Field: string, Value: string): Filter {
  return { Type: 'TERM_MATCH', Field, Value };
}

/** Undefined for a product that is not sold by the hour, or is spelled in a way that this version does not know. */
function hourlyPrice(text: string): number | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = productSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const dimensions = Object.values(parsed.data.terms.OnDemand).flatMap(({ priceDimensions }) =>
    Object.values(priceDimensions),
  );
  const hourly = dimensions.find(({ unit }) => unit === 'Hrs');
  const price = Number(hourly?.pricePerUnit.USD ?? Number.NaN);
  return Number.isFinite(price) ? price : undefined;
}
