#!/bin/sh
# The steps of the image. The Dockerfile runs them, and so do a test and whoever has no container engine:
#
#   scripts/image.sh packages <target>   the packages that run, into <target>/node_modules
#   scripts/image.sh install             all packages, into ./node_modules
#   scripts/image.sh build <target>      compiles, and puts the program into <target>
#   scripts/image.sh all <target>        all of it, in a copy of the sources that it removes again
#
# Nothing but package-lock.json, the sources and the version of Node decides what comes out: no times, no paths, no install scripts.
set -eu
umask 022
cd "$(dirname "$0")/.."

install_packages() {
  npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error "$@"
}

packages() {
  mkdir -p "$1"
  cp package.json package-lock.json "$1/"
  [ ! -f .npmrc ] || cp .npmrc "$1/"
  (cd "$1" && install_packages --omit=dev && rm -f .npmrc package-lock.json node_modules/.package-lock.json)
  # What only compilers, debuggers, readers and tests want. Licences stay, and are in NOTICE as well.
  find "$1/node_modules" -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.tsbuildinfo' \
    -o -name '*.test.js' -o -name '*.test.cjs' -o -name '*.test.mjs' \
    -o -iname 'readme*.md' -o -iname 'changelog*.md' -o -iname 'history.md' \) -delete
  find "$1/node_modules" -type d \( -name test -o -name tests -o -name __tests__ \) -prune \
    -exec sh -c 'for folder; do [ ! -f "$folder/../package.json" ] || rm -rf "$folder"; done' _ {} +
  # A second and a third form of the same modules, for bundlers; Node takes the first.
  rm -rf "$1"/node_modules/@opentelemetry/*/build/esm "$1"/node_modules/@opentelemetry/*/build/esnext
}

build() {
  mkdir -p "$1/bin"
  npm run --silent build
  cp package.json LICENSE NOTICE "$1/"
  cp -R dist migrations "$1/"
  mkdir -p "$1/scripts"
  cp scripts/guardian.mjs "$1/scripts/"
  find "$1/dist" \( -name '.*' -o -name '*.d.ts' \) -type f -delete
  chmod 755 "$1/dist/cli/main.js"
  ln -sfn ../dist/cli/main.js "$1/bin/paygate"
}

# Not in place: what is installed and built there stays as it is.
all() {
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' EXIT
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
  mkdir -p "$1"
  target=$(cd "$1" && pwd)
  sh "$copy/scripts/image.sh" packages "$target"
  sh "$copy/scripts/image.sh" install
  sh "$copy/scripts/image.sh" build "$target"
}

case "${1:-}" in
  install) install_packages --include=dev ;;
  packages | build | all) "$1" "${2:?which folder?}" ;;
  *)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
