#!/bin/sh
# make demo: the whole way through with the default recipe, under build/demo/. BIN is the virtual environment's bin folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$here/../build/demo
rm -rf "$work"
mkdir -p "$work"
cd "$work"
PATH=$BIN:$PATH

try() {
    printf '\n$ %s\n' "$*"
    "$@"
}

try edgecnn train
try edgecnn export --quantize
try edgecnn bench --runtime tensorflow --runtime onnxruntime --html bench.html
python "$here/pictures.py" pictures
try edgecnn predict pictures
printf '\nAll of it is in build/demo; open build/demo/bench.html in a browser.\n'
