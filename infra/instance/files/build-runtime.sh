#!/bin/bash
# Builds the runtime of a worker: `build-runtime.sh TARGET SCRATCH` makes TARGET/node, TARGET/node_modules and
# TARGET/cuda from what downloads.txt and package-lock.json name. Every byte is checked against a digest before it is
# used, but for the prebuilt addon of TensorFlow.js: node-pre-gyp fetches that by its version, over TLS, and nothing
# publishes its digest. It becomes part of the archive, whose digest then holds for the whole fleet.
#
# Mirrors: set any of NPM_SOURCE, CUDA_SOURCE, CUDNN_SOURCE, LIBTENSORFLOW_SOURCE (addresses that end in no slash), and
# npm_config_tfjs_binding_binary_host_mirror for the addon.
set -Eeuo pipefail

target=$1
scratch=$2
here=$(cd "$(dirname "$0")" && pwd)

# Looked up by name, as downloads.txt names them.
# shellcheck disable=SC2034
{
  npm_source=${NPM_SOURCE:-https://registry.npmjs.org}
  cuda_source=${CUDA_SOURCE:-https://developer.download.nvidia.com/compute/cuda/redist}
  cudnn_source=${CUDNN_SOURCE:-https://developer.download.nvidia.com/compute/cudnn/redist}
  libtensorflow_source=${LIBTENSORFLOW_SOURCE:-https://storage.googleapis.com/tensorflow/libtensorflow}
}

mkdir -p "$target/cuda/lib" "$target/node" "$scratch"

# A stalled transfer ends after a minute below 10 kB/s, and three tries go on where the last one stopped.
while read -r sha256 source path file; do
  name=${source}_source
  for try in 1 2 3; do
    if curl -fsSL --connect-timeout 15 --speed-limit 10000 --speed-time 60 -C - -o "$scratch/$file" "${!name}/$path"; then break; fi
    [ "$try" -lt 3 ] || { echo "$file cannot be downloaded from $source" >&2; exit 1; }
    sleep 5
  done
  printf '%s  %s\n' "$sha256" "$scratch/$file" | sha256sum -c --quiet - || { echo "$file is not what the recipe names" >&2; exit 1; }
done <"$here/downloads.txt"

tar -xzf "$scratch/node.tgz" --no-same-owner --strip-components=1 -C "$target/node"
mkdir -p "$scratch/npm"
tar -xzf "$scratch/npm.tgz" --no-same-owner --strip-components=1 -C "$scratch/npm"

# Shared libraries alone: the archives hold static ones and headers as well, several times as large.
for archive in "$scratch"/*.tar.xz; do
  tar -xJf "$archive" --no-same-owner --strip-components=2 --wildcards -C "$target/cuda/lib" '*/lib/*.so*'
done
rm -rf "$target/cuda/lib/stubs"

# Nothing of the packages runs before everything is in place: first all files, then the one install script that is needed,
# which finds its libtensorflow there already and fetches the addon alone.
export PATH="$target/node/bin:$PATH" npm_config_cache="$scratch/npm-cache" npm_config_update_notifier=false
export npm_config_audit=false npm_config_fund=false npm_config_nodedir="$target/node"
cp "$here/package.json" "$here/package-lock.json" "$scratch/"
(cd "$scratch" && node npm/bin/npm-cli.js ci --ignore-scripts --omit=dev --registry "$npm_source/")
gpu=$scratch/node_modules/@tensorflow/tfjs-node-gpu
mkdir -p "$gpu/deps"
tar -xzf "$scratch/libtensorflow.tar.gz" --no-same-owner -C "$gpu/deps"
(cd "$gpu" && PATH="$scratch/node_modules/.bin:$PATH" node scripts/install.js gpu)
test -f "$gpu"/lib/napi-v*/tfjs_binding.node || { echo 'the addon of TensorFlow.js was not installed' >&2; exit 1; }
rm -rf "$gpu/deps/include" "$target/node/include" "$target/node/share"
mv "$scratch/node_modules" "$target/node_modules"
