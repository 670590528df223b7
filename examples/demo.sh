#!/bin/sh
# Train, export, quantize, bench and predict in one folder: sh demo.sh [DIR [OPTION ...]]
# DIR must not exist yet. The OPTIONs go to `edgecnn train`; without any, it trains two epochs, a whole schedule.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-demo}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- --epochs 2
mkdir -p "$(dirname "$work")"
mkdir "$work"
cd "$work"

try() {
    printf '\n$ %s\n' "$*"
    "$@"
}

try edgecnn train "$@"
try edgecnn export --quantize
try edgecnn bench --runtime tensorflow --runtime onnxruntime --duration 0.5 --json bench.json --html bench.html
python3 "$here/pictures.py" pictures
try edgecnn predict pictures
printf '\nEverything is in %s. Open bench.html there in a browser.\n' "$work"
