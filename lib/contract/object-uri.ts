/** Addresses of single objects: an input in a bucket. A store's own settings (`?region=…`) stay behind the path. */

/** The address of `key` in the store that `storeUri` names. */
export function objectUri(storeUri: string, key: string): string {
  const [place = '', query] = storeUri.split('?', 2);
  return `${place.replace(/\/$/, '')}/${key}${query === undefined ? '' : `?${query}`}`;
}

/** The widest store that holds the object, and the key in it: for `s3:` the bucket without a prefix. Undefined for other addresses. */
export function parseObjectUri(uri: string): { readonly store: string; readonly key: string } | undefined {
  const match = /^(s3:\/\/[^/?]+)\/([^?]+)(\?.*)?$/.exec(uri);
  if (match === null) return undefined;
  const [, bucket = '', key = '', query = ''] = match;
  return { store: `${bucket}${query}`, key };
}
