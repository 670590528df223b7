"""Which int8 convolutions onnxruntime runs without im2col, by processor, and which channel counts would.

The rules are those of onnxruntime's QLinearConv (core/providers/cpu/quantization/qlinearconv.cc) and of
MlasConvSymPackWSize with its dispatch tables (core/mlas/lib/convsym.cpp, platform.cpp) in
https://github.com/microsoft/onnxruntime. On ARM64 they leave few input channels to im2col, which measured faster there
(pull request 9772): to miss the fast path is no fault, and to reach it with more channels is more work.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal, get_args

Architecture = Literal["x86-64", "arm64"]
Form = Literal["symmetric", "asymmetric", "dynamic"]
Route = Literal["MlasConvSym", "MlasConvSymDepthwise", "matrix product", "MlasConvDepthwise", "im2col"]

ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
FORMS = {
    "asymmetric": "its weights are not int8 with a zero point of 0",
    "dynamic": "dynamic quantization has no fast path; static has",
}


@dataclass(frozen=True)
class Convolution:
    """A convolution as the rules see it: channels in and out of all groups together, kernel sizes in pixels.

    `plain` has a stride of 1 and no padding. `form` tells int8 weights with a zero point of 0 (symmetric) from others,
    and from those whose activations are quantized as they come. `activations` is int8 only where the file itself holds
    QLinearConv: QuantizeLinear and DequantizeLinear around a Conv suit either processor.
    """

    name: str
    inputs: int
    outputs: int
    kernel: tuple[int, ...]
    group: int = 1
    plain: bool = False
    form: Form = "symmetric"
    activations: Literal["uint8", "int8"] = "uint8"

    @property
    def depthwise(self) -> bool:
        return self.inputs == self.outputs == self.group

    @property
    def pointwise(self) -> bool:
        return math.prod(self.kernel) == 1

    def __str__(self) -> str:
        size = "×".join(map(str, self.kernel))
        grouped = f", {self.group} groups" if self.group > 1 else ""
        return f"{self.name} ({size}, {self.inputs} → {self.outputs} channels{grouped})"


@dataclass(frozen=True)
class Verdict:
    """How one processor runs it. `reasons` is empty where it is fast.

    `inputs` and `outputs` are the nearest channel counts, not below its own, that are fast; None where none is.
    """

    architecture: Architecture
    fast: bool
    path: Route
    reasons: tuple[str, ...]
    inputs: int | None
    outputs: int | None


@dataclass(frozen=True)
class Judged:
    """A convolution and its verdicts, one an architecture."""

    convolution: Convolution
    verdicts: tuple[Verdict, ...]

    def on(self, architecture: str) -> "Judged":
        """The same with that architecture's verdict alone, or with none for one that the rules do not know."""
        return Judged(self.convolution, tuple(item for item in self.verdicts if item.architecture == architecture))


@dataclass(frozen=True)
class _Rule:
    """What MlasConvSymPackWSize asks on one kind of CPU: counts of at least `least_…` that are multiples of `…_of`."""

    architecture: Architecture
    cpu: str
    inputs_of: int
    outputs_of: int
    least_outputs: int
    groups_of: int  # of a depthwise convolution
    least_inputs: int = 1


_RULES = (  # x86-64 without AVX2 has no fast path at all
    _Rule("x86-64", "AVX2", inputs_of=4, outputs_of=8, least_outputs=16, groups_of=16),
    _Rule("x86-64", "AVX-512", inputs_of=4, outputs_of=4, least_outputs=16, groups_of=16),
    _Rule("arm64", "without dot product", inputs_of=8, outputs_of=8, least_outputs=8, groups_of=8, least_inputs=64),
    _Rule("arm64", "with dot product", inputs_of=4, outputs_of=16, least_outputs=16, groups_of=8, least_inputs=64),
)


def judge(convolution: Convolution) -> Judged:
    """Whether int8 is fast on each architecture, on all its CPUs that the rules know."""
    return Judged(convolution, tuple(_verdict(convolution, architecture) for architecture in ARCHITECTURES))


def explain(judged: Judged) -> list[str]:
    """A line for each architecture on which it misses the fast path: why, and which channel counts would reach it."""
    return [
        f"{judged.convolution} misses it on {verdict.architecture} ({verdict.path}): "
        f"{'; '.join(verdict.reasons)}; {_reach(verdict)}"
        for verdict in judged.verdicts
        if not verdict.fast
    ]


def _reach(verdict: Verdict) -> str:
    if verdict.inputs is None or verdict.outputs is None:
        return "no channel count changes that"
    return f"{verdict.inputs} → {verdict.outputs} would reach it"


def _verdict(convolution: Convolution, architecture: Architecture) -> Verdict:
    rules = [rule for rule in _RULES if rule.architecture == architecture]
    barred = _barred(convolution, architecture)
    if not barred and convolution.pointwise and architecture == "arm64" and convolution.group == 1:
        return _pointwise(convolution, architecture)
    reasons = barred or _reasons(convolution, rules)
    if reasons:
        inputs, outputs = (None, None) if barred else _nearest(convolution, rules)
        return Verdict(architecture, False, _slow_path(convolution), reasons, inputs, outputs)
    path: Route = "MlasConvSymDepthwise" if convolution.depthwise else "MlasConvSym"
    return Verdict(architecture, True, path, (), convolution.inputs, convolution.outputs)


def _slow_path(convolution: Convolution) -> Route:
    if convolution.depthwise and convolution.form != "dynamic":
        return "MlasConvDepthwise"
    return "matrix product" if convolution.pointwise and convolution.plain else "im2col"


def _barred(convolution: Convolution, architecture: Architecture) -> tuple[str, ...]:
    """What no channel count mends."""
    if convolution.form != "symmetric":
        return (FORMS[convolution.form],)
    if convolution.activations == "int8" and architecture == "x86-64":
        return ("int8 activations have no fast path; uint8 have",)
    grouped = convolution.group > 1 and not convolution.depthwise
    return ("groups of more than one channel have no fast path",) if grouped else ()


def _pointwise(convolution: Convolution, architecture: Architecture) -> Verdict:
    """ARM64 multiplies the image's own memory by the weights, which takes no im2col where each pixel is read once."""
    if convolution.plain:
        return Verdict(architecture, True, "matrix product", (), convolution.inputs, convolution.outputs)
    return Verdict(architecture, False, "im2col", ("a 1×1 kernel with a stride or padding",), None, None)


def _reasons(convolution: Convolution, rules: list[_Rule]) -> tuple[str, ...]:
    """What is missing, with the CPUs that ask for it where others do not."""
    asked: dict[str, list[str]] = {}
    for rule in rules:
        for text in _missing(convolution, rule):
            asked.setdefault(text, []).append(rule.cpu)
    return tuple(text if len(cpus) == len(rules) else f"{text} ({', '.join(cpus)})" for text, cpus in asked.items())


def _missing(convolution: Convolution, rule: _Rule) -> Iterator[str]:
    inputs, outputs = convolution.inputs, convolution.outputs
    if convolution.depthwise and convolution.group > 1:
        yield from _short(inputs, 1, rule.groups_of, "channel")
    else:
        yield from _short(inputs, rule.least_inputs, rule.inputs_of, "input channel")
        yield from _short(outputs, rule.least_outputs, rule.outputs_of, "output channel")


def _short(channels: int, least: int, multiple: int, what: str) -> Iterator[str]:
    counted = f"{channels} {what}{'s' if channels != 1 else ''}"
    if channels < least:
        yield f"{counted}, fewer than {least}"
    elif channels % multiple:
        yield f"{counted}, no multiple of {multiple}"


def _nearest(convolution: Convolution, rules: list[_Rule]) -> tuple[int, int]:
    """The next channel counts that every rule takes."""
    if convolution.depthwise and convolution.group > 1:
        groups = _next(convolution.group, 1, [rule.groups_of for rule in rules])
        return groups, groups
    inputs = _next(convolution.inputs, max(rule.least_inputs for rule in rules), [rule.inputs_of for rule in rules])
    least = max(rule.least_outputs for rule in rules)
    return inputs, _next(convolution.outputs, least, [rule.outputs_of for rule in rules])


def _next(channels: int, least: int, multiples: list[int]) -> int:
    return next(number for number in count(max(channels, least)) if all(number % of == 0 for of in multiples))
