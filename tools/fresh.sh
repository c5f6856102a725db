#!/bin/bash
# What a stranger does: clones into an empty folder, with an empty home, and runs the two commands.
# Usage: tools/fresh.sh [COMMAND...]     by default `make demo` and `make test`
# Only what is committed is tried. Debian's own python3 is used where it is new enough (PYTHON= for another).
# Nothing of this shell's environment comes along but where package registries are and how they are reached.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/home"

kept=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY \
    PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CERT PIP_PROXY SSL_CERT_FILE PYTHON; do
    [ -z "${!name:-}" ] || kept+=("$name=${!name}")
done

git clone --quiet --no-hardlinks "$project" "$folder/vouchsafe"
cd "$folder/vouchsafe"
[ "$#" -gt 0 ] || set -- "make demo" "make test"
for command in "$@"; do
    printf '== fresh: %s\n' "$command"
    began=$SECONDS
    env -i HOME="$folder/home" PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 "${kept[@]}" bash -c "$command"
    printf '== fresh: %s took %d s\n' "$command" "$((SECONDS - began))"
done
left=$(git status --porcelain)
if [ -n "$left" ]; then
    printf '== fresh: expected a clean working tree afterwards, got\n%s\n' "$left"
    exit 1
fi
printf '== fresh: all passed\n'
