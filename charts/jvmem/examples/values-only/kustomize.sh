#!/bin/sh
# Post-renderer: takes what Helm rendered, gives it patched. Needs kubectl.
set -eu
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT
cp "$(dirname "$0")/kustomization.yaml" "$dir"
cat >"$dir/all.yaml"
kubectl kustomize "$dir"
