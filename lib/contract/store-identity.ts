/**
 * Which store a URI means, without the options in its query: two workers serve the same jobs exactly when this is equal.
 * A bucket's name is unique over all regions, so that the region may be left out.
 */
export function storeIdentity(uri: string): string {
  return uri.replace(/\?.*$/s, '').replace(/\/+$/, '');
}
