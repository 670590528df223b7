#!/bin/sh
# Fail a CI job when a model has become slow or inaccurate: sh gate_ci.sh MODEL [MOST_US [LEAST_ACCURACY]]
# A query may take MOST_US microseconds (90 of 100 do not take longer), and at least LEAST_ACCURACY of the test images
# must be labeled right. Exit code 0: the model passes; 3: it does not; anything else: it could not be measured.
set -eu
model=$1
most_us=${2:-2000}
least_accuracy=${3:-98%}

code=0
edgecnn bench "$model" --runtime onnxruntime --duration 1 --json bench.json \
    --fail-if "onnx-float32.p90_us > $most_us" \
    --fail-if "onnx-float32.accuracy < $least_accuracy" || code=$?

case $code in
    0) echo "pass: $model" ;;
    3) echo "fail: $model breaks a rule; bench.json has every sample" ;;
    *) echo "error: $model could not be measured" ;;
esac
exit "$code"
