#!/bin/sh
# Post-renderer: reads the objects that Helm rendered and writes them patched. Needs kubectl.
set -eu
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT
cp "$(dirname "$0")/kustomization.yaml" "$dir"
cat >"$dir/all.yaml"
kubectl kustomize "$dir"
