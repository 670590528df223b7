"""Tells which int8 convolutions onnxruntime runs without im2col on each processor, and which channel counts allow it.

The rules come from onnxruntime's QLinearConv (core/providers/cpu/quantization/qlinearconv.cc) and from
MlasConvSymPackWSize with its dispatch tables (core/mlas/lib/convsym.cpp, platform.cpp) in
https://github.com/microsoft/onnxruntime. On ARM64, onnxruntime uses im2col for few input channels, because it measured
that to be faster (pull request 9772). So a convolution that misses the fast path is not at fault, and adding channels
to reach it also adds work.
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
    "dynamic": "dynamic quantization has no fast path, static quantization has one",
}


@dataclass(frozen=True)
class Convolution:
    """The properties of a convolution that the rules depend on.

    `inputs` and `outputs` are channels, counted over all groups; `kernel` is in pixels. `plain` means a stride of 1 and
    no padding. `form` is "symmetric" for int8 weights with a zero point of 0, "asymmetric" for other weights, and
    "dynamic" if activations are quantized at run time. `activations` is int8 only if the file itself holds a
    QLinearConv: from a Conv between DequantizeLinear and QuantizeLinear onnxruntime makes what the processor needs.
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
    """How one architecture runs a convolution. `reasons` tells why it is not fast, and is empty if it is.

    `inputs` and `outputs` are the smallest channel counts, not below the convolution's own, that are fast. They are
    None if no channel count is.
    """

    architecture: Architecture
    fast: bool
    path: Route
    reasons: tuple[str, ...]
    inputs: int | None
    outputs: int | None


@dataclass(frozen=True)
class Judged:
    """A convolution and its verdicts, one for each architecture."""

    convolution: Convolution
    verdicts: tuple[Verdict, ...]

    def on(self, architecture: str) -> "Judged":
        """A copy that holds this architecture's verdict only; no verdict if the rules do not cover the architecture."""
        return Judged(self.convolution, tuple(item for item in self.verdicts if item.architecture == architecture))


@dataclass(frozen=True)
class _Rule:
    """What MlasConvSymPackWSize requires on one kind of CPU: counts of at least `least_…`, in multiples of `…_of`."""

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
    """Judge a convolution on each architecture. It is fast if it is fast on every CPU that the rules cover."""
    return Judged(convolution, tuple(_verdict(convolution, architecture) for architecture in ARCHITECTURES))


def explain(judged: Judged) -> list[str]:
    """A line for each architecture on which a convolution misses the fast path: why, and which channels would help."""
    return [
        f"{judged.convolution} misses the fast path on {verdict.architecture} ({verdict.path}): "
        f"{'; '.join(verdict.reasons)}; {_reach(verdict)}"
        for verdict in judged.verdicts
        if not verdict.fast
    ]


def _reach(verdict: Verdict) -> str:
    if verdict.inputs is None or verdict.outputs is None:
        return "no number of channels changes that"
    return f"{verdict.inputs} → {verdict.outputs} channels would reach it"


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
    """The reasons that no number of channels can remove; empty if there are none."""
    if convolution.form != "symmetric":
        return (FORMS[convolution.form],)
    if convolution.activations == "int8" and architecture == "x86-64":
        return ("S8S8 has no fast path, U8S8 has one",)
    grouped = convolution.group > 1 and not convolution.depthwise
    return ("groups of several channels have no fast path",) if grouped else ()


def _pointwise(convolution: Convolution, architecture: Architecture) -> Verdict:
    """ARM64 multiplies the image in memory by the weights. That needs no im2col if each pixel is read exactly once."""
    if convolution.plain:
        return Verdict(architecture, True, "matrix product", (), convolution.inputs, convolution.outputs)
    return Verdict(architecture, False, "im2col", ("a 1×1 kernel with a stride or padding",), None, None)


def _reasons(convolution: Convolution, rules: list[_Rule]) -> tuple[str, ...]:
    """What the convolution lacks. A reason names the CPUs it is true for, if it is not true for all of them."""
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
        yield f"{counted}, not a multiple of {multiple}"


def _nearest(convolution: Convolution, rules: list[_Rule]) -> tuple[int, int]:
    """The smallest channel counts, not below the convolution's own, that satisfy every rule."""
    if convolution.depthwise and convolution.group > 1:
        groups = _next(convolution.group, 1, [rule.groups_of for rule in rules])
        return groups, groups
    inputs = _next(convolution.inputs, max(rule.least_inputs for rule in rules), [rule.inputs_of for rule in rules])
    least = max(rule.least_outputs for rule in rules)
    return inputs, _next(convolution.outputs, least, [rule.outputs_of for rule in rules])


def _next(channels: int, least: int, multiples: list[int]) -> int:
    return next(number for number in count(max(channels, least)) if all(number % of == 0 for of in multiples))
