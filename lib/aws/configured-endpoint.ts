/**
 * The endpoint that the environment names for a service, read as the SDK reads it: the variable of the service, else the
 * one for all. Undefined where AWS itself is meant.
 */
export function configuredEndpoint(
  service: 'S3' | 'SQS',
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  for (const name of [`AWS_ENDPOINT_URL_${service}`, 'AWS_ENDPOINT_URL']) {
    const endpoint = environment[name];
    if (endpoint !== undefined && endpoint !== '') return endpoint;
  }
  return undefined;
}
