"""Which convolutions are fast in int8, against what onnxruntime's source asks."""

from dataclasses import replace

import pytest

from edgecnn.graph.fast_paths import Architecture, Convolution, Form, Verdict, explain, judge

DEEP = Convolution("conv", inputs=64, outputs=64, kernel=(3, 3))


def verdict(convolution: Convolution, architecture: Architecture) -> Verdict:
    (found,) = [item for item in judge(convolution).verdicts if item.architecture == architecture]
    return found


def channels(inputs: int, outputs: int) -> Convolution:
    return replace(DEEP, inputs=inputs, outputs=outputs)


def test_a_deep_convolution_is_fast_everywhere_and_says_nothing() -> None:
    judged = judge(DEEP)
    assert [(item.architecture, item.fast, item.path) for item in judged.verdicts] == [
        ("x86-64", True, "MlasConvSym"),
        ("arm64", True, "MlasConvSym"),
    ]
    assert all((item.reasons, item.inputs, item.outputs) == ((), 64, 64) for item in judged.verdicts)
    assert explain(judged) == []


@pytest.mark.parametrize(
    ("inputs", "outputs", "reasons", "reached"),
    [
        (1, 16, ("1 input channel, not a multiple of 4",), (4, 16)),
        (4, 16, (), (4, 16)),
        (30, 32, ("30 input channels, not a multiple of 4",), (32, 32)),
        (8, 10, ("10 output channels, fewer than 16",), (8, 16)),
        (8, 20, ("20 output channels, not a multiple of 8 (AVX2)",), (8, 24)),
        (
            8,
            18,
            ("18 output channels, not a multiple of 8 (AVX2)", "18 output channels, not a multiple of 4 (AVX-512)"),
            (8, 24),
        ),
        (3, 1, ("3 input channels, not a multiple of 4", "1 output channel, fewer than 16"), (4, 16)),
    ],
)
def test_x86_wants_inputs_in_fours_and_sixteen_outputs(
    inputs: int, outputs: int, reasons: tuple[str, ...], reached: tuple[int, int]
) -> None:
    found = verdict(channels(inputs, outputs), "x86-64")
    assert (found.fast, found.reasons, (found.inputs, found.outputs)) == (not reasons, reasons, reached)
    assert found.path == ("im2col" if reasons else "MlasConvSym")
    assert verdict(channels(*reached), "x86-64").fast


@pytest.mark.parametrize(
    ("inputs", "outputs", "reasons", "reached"),
    [
        (32, 64, ("32 input channels, fewer than 64",), (64, 64)),
        (64, 16, (), (64, 16)),
        (68, 32, ("68 input channels, not a multiple of 8 (without dot product)",), (72, 32)),
        (64, 24, ("24 output channels, not a multiple of 16 (with dot product)",), (64, 32)),
        (64, 8, ("8 output channels, fewer than 16 (with dot product)",), (64, 16)),
        (1, 32, ("1 input channel, fewer than 64",), (64, 32)),
    ],
)
def test_arm64_wants_64_inputs(inputs: int, outputs: int, reasons: tuple[str, ...], reached: tuple[int, int]) -> None:
    found = verdict(channels(inputs, outputs), "arm64")
    assert (found.fast, found.reasons, (found.inputs, found.outputs)) == (not reasons, reasons, reached)
    assert verdict(channels(*reached), "arm64").fast


def test_a_plain_1x1_kernel_needs_no_im2col_on_arm64_whatever_its_channels() -> None:
    small = Convolution("conv", 3, 5, (1, 1), plain=True)
    assert verdict(small, "arm64") == Verdict("arm64", True, "matrix product", (), 3, 5)
    strided = verdict(replace(small, plain=False), "arm64")
    assert (strided.fast, strided.path, strided.inputs, strided.outputs) == (False, "im2col", None, None)
    assert not verdict(small, "x86-64").fast
    assert verdict(replace(small, inputs=4, outputs=16), "x86-64").path == "MlasConvSym"


@pytest.mark.parametrize(("architecture", "multiple"), [("x86-64", 16), ("arm64", 8)])
def test_depthwise_convolutions_want_their_channels_in_sixteens_or_eights(
    architecture: Architecture, multiple: int
) -> None:
    found = verdict(Convolution("conv", 20, 20, (3, 3), group=20), architecture)
    assert (found.fast, found.path) == (False, "MlasConvDepthwise")
    assert found.reasons == (f"20 channels, not a multiple of {multiple}",)
    assert found.inputs == found.outputs == -(-20 // multiple) * multiple
    deep = verdict(Convolution("conv", 32, 32, (3, 3), group=32), architecture)
    assert (deep.fast, deep.path) == (True, "MlasConvSymDepthwise")


@pytest.mark.parametrize("outputs", [64, 128])
def test_other_groups_have_no_fast_path(outputs: int) -> None:
    convolution = Convolution("conv", 64, outputs, (3, 3), group=64 if outputs == 128 else 2)
    for item in judge(convolution).verdicts:
        assert (item.fast, item.path, item.inputs, item.outputs) == (False, "im2col", None, None)
    assert all("no number of channels changes that" in line for line in explain(judge(convolution)))


@pytest.mark.parametrize(
    ("form", "word"), [("asymmetric", "zero point of 0"), ("dynamic", "static quantization has one")]
)
def test_only_symmetric_weights_are_fast(form: Form, word: str) -> None:
    lines = explain(judge(replace(DEEP, form=form)))
    assert len(lines) == 2
    assert all(word in line for line in lines)
    depthwise = judge(Convolution("conv", 16, 16, (3, 3), group=16, form=form))
    expected = "im2col" if form == "dynamic" else "MlasConvDepthwise"
    assert {item.path for item in depthwise.verdicts} == {expected}


def test_int8_activations_in_the_file_itself_are_for_arm64_only() -> None:
    signed = replace(DEEP, activations="int8")
    assert verdict(signed, "arm64").fast
    assert verdict(signed, "x86-64").reasons == ("S8S8 has no fast path, U8S8 has one",)


def test_a_miss_is_told_in_one_line() -> None:
    assert explain(judge(channels(16, 32)))[0] == (
        "conv (3×3, 16 → 32 channels) misses the fast path on arm64 (im2col): 16 input channels, fewer than 64; "
        "64 → 32 channels would reach it"
    )
    grouped = explain(judge(Convolution("conv", 20, 20, (5, 5), group=20)))
    assert grouped[0].startswith(
        "conv (5×5, 20 → 20 channels, 20 groups) misses the fast path on x86-64 (MlasConvDepthwise)"
    )
