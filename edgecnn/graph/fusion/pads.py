"""[onnx] Merges Pads into the convolutions that follow them."""

from typing import Any

from edgecnn.graph.graph import Array, Graph, attributes

WITHOUT_PADS = (b"NOTSET", b"VALID")  # values of auto_pad


def pad_into_conv(graph: Graph, pad: Any) -> bool:
    """Add the zeros of a Pad around the image to the padding of the convolutions that read it."""
    pads = _zeros_around(graph, pad) if pad.op_type == "Pad" and not graph.is_output(pad.output[0]) else None
    convs = graph.consumers(pad.output[0])
    if pads is None or not convs or not all(_may_pad(pad, conv, len(pads)) for conv in convs):
        return False
    for conv in convs:
        values = attributes(conv)
        before = values.get("pads") or [0] * (len(pads) - 4)
        added = [*pads[2 : len(pads) // 2], *pads[len(pads) // 2 + 2 :]]  # without batch and channels
        values |= {"auto_pad": "NOTSET", "pads": [old + int(new) for old, new in zip(before, added, strict=True)]}
        graph.replace(conv, "Conv", [pad.input[0], *conv.input[1:]], **values)
    graph.remove(pad)
    return True


def _zeros_around(graph: Graph, pad: Any) -> Array | None:
    """The sizes of a Pad that adds zeros, and none to batch and channels; or None."""
    pads = graph.constant(pad.input[1]) if len(pad.input) > 1 else None
    fills = pad.input[2] if len(pad.input) > 2 else ""
    is_zero = attributes(pad).get("mode", b"constant") == b"constant" and (not fills or graph.scalar(fills) == 0)
    if pads is None or not is_zero or any(pad.input[3:]) or pads.size < 6 or (pads < 0).any():
        return None
    half = pads.size // 2
    return None if pads[:2].any() or pads[half : half + 2].any() else pads


def _may_pad(pad: Any, conv: Any, sizes: int) -> bool:
    """Whether a node is a convolution of the Pad's result with as many axes, whose padding is written in numbers."""
    values = attributes(conv) if conv.op_type == "Conv" else {}
    reads_once = list(conv.input).count(pad.output[0]) == 1 and conv.input[0] == pad.output[0]
    fits = len(values.get("pads") or [0] * (sizes - 4)) == sizes - 4
    return conv.op_type == "Conv" and reads_once and fits and values.get("auto_pad", b"NOTSET") in WITHOUT_PADS
