"""Draws how the digits of a picture were found, so that a user sees why a label is what it is."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from edgecnn.imaging.digits import Found

Drawn = Image.Image

HEIGHT, GAP, TITLE = 240, 8, 16  # pixels of a step, between steps, and of its title
BACKGROUND, TEXT, FRAME = (48, 48, 48), (230, 230, 230), (230, 60, 60)
AT_MOST = 12  # digits that are drawn


def draw_steps(found: Found) -> Drawn:
    """The picture, its ink, what of it is strokes, and each digit as the network sees it, side by side."""
    steps = [("picture", _with_boxes(found))]
    if found.ink is not None and found.mask is not None:
        strongest = max(float(found.ink.max()), 1e-6)
        steps.append(("ink", _image(found.ink * (255 / strongest))))
        steps.append(("strokes", _image(found.mask * 255.0)))
    steps += [("seen by the network", Image.fromarray(digit.image)) for digit in found.digits[:AT_MOST]]
    if not found.digits:
        steps.append(("no digit", Image.new("L", (28, 28))))
    return _side_by_side(steps)


def _image(values: NDArray[np.floating]) -> Drawn:
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _with_boxes(found: Found) -> Drawn:
    picture = Image.fromarray(found.gray).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for left, top, right, bottom in (digit.box for digit in found.digits):
        draw.rectangle((left - 1, top - 1, right, bottom), outline=FRAME)
    return picture


def _side_by_side(steps: list[tuple[str, Drawn]]) -> Drawn:
    drawn = [_tall(picture) for _, picture in steps]
    sheet = Image.new("RGB", (sum(item.width + GAP for item in drawn) + GAP, HEIGHT + TITLE + 2 * GAP), BACKGROUND)
    left = GAP
    for (title, _), picture in zip(steps, drawn, strict=True):
        ImageDraw.Draw(sheet).text((left, GAP // 2), title, fill=TEXT)
        sheet.paste(picture, (left, GAP + TITLE))
        left += picture.width + GAP
    return sheet


def _tall(picture: Drawn) -> Drawn:
    width = min(2 * HEIGHT, max(HEIGHT // 2, round(picture.width * HEIGHT / picture.height)))
    return picture.convert("RGB").resize((width, HEIGHT), Image.Resampling.NEAREST)
