"""Runs ONNX files with onnxruntime, through the same Classifier that users call."""

from importlib import import_module

from edgecnn.bench.contenders import Contender
from edgecnn.bench.runtimes.runner import EMPTY, Runner
from edgecnn.errors import BenchError


def import_modules(_: Contender) -> None:
    import_module("edgecnn.runtime.classifier")


def open_contender(contender: Contender) -> Runner:
    from edgecnn.runtime.classifier import Classifier, bare_run

    classifier = Classifier(contender.file, threads=contender.threads)
    if classifier.batch not in (None, contender.batch):
        raise BenchError(f"{contender.file} only takes batches of {classifier.batch}: give --batch {classifier.batch}")
    return Runner(
        classifier.input.prepare,
        classifier.run,
        lambda: bare_run(EMPTY, contender.threads),
        classifier.batch,
    )
