"""Pictures that this project makes itself: MNIST's digits with a pen on paper, as a camera takes them.

Everything is drawn from a random generator, so that the same seed gives the same pictures. A sheet has a texture, and
may be ruled or squared. It lies at an angle, in uneven light, and a camera adds noise and compresses it.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Images = NDArray[np.uint8]
Light = NDArray[np.floating[Any]]  # 0 to 1; [height, width] or [height, width, 3]
Chance = np.random.Generator

SMALLEST, LARGEST = 200, 4000  # pixels of a picture's longer side
SHAPES = (1.0, 4 / 3, 3 / 4, 16 / 9)  # width by height
DRAWN = 800  # pixels of the longer side that is drawn; a camera's picture is enlarged from it
MOST_TURN = 15  # degrees
SHARE = (0.2, 0.75)  # of a digit's height in the shorter side
LEFT_FREE = 0.04  # of the shorter side around a digit
PAPERS = ((250, 250, 247), (238, 236, 228), (226, 231, 236), (205, 205, 203))
PENS: Mapping[str, tuple[int, int, int]] = {
    "black": (28, 28, 32),
    "blue": (32, 52, 140),
    "red": (178, 38, 44),
    "green": (26, 112, 62),
    "pencil": (104, 104, 108),
}
LINES = ((150, 172, 200), (178, 178, 182), (196, 160, 164))
RULINGS = ("plain", "ruled", "squared")
SPACING = (0.45, 1.1)  # of a digit's height, between two lines
DIMMEST = (0.45, 0.95)  # what the darkest corner gets of the light
GRAIN, NOISE = (0.004, 0.02), (0.002, 0.02)  # standard deviations of the paper's texture and of the camera
QUALITY = (50, 95)  # of JPEG


@dataclass(frozen=True)
class Scene:
    """One picture's conditions. `size` is its width and height; `turn` is in degrees; `share` is the digit's height.

    `share` is a part of the shorter side. `place` is where the digit is within what is left free, 0 to 1 each way.
    """

    size: tuple[int, int]
    ruling: str
    pen: str
    turn: float
    share: float
    place: tuple[float, float]


def scene(chance: Chance, side: int | None = None) -> Scene:
    """Draw a scene's conditions. Without a `side`, the logarithm of its longer side is uniform."""
    longer = side or round(float(np.exp(chance.uniform(np.log(SMALLEST), np.log(LARGEST)))))
    shape = float(chance.choice(SHAPES))
    size = (longer, round(longer / shape)) if shape >= 1 else (round(longer * shape), longer)
    return Scene(
        size,
        str(chance.choice(RULINGS)),
        str(chance.choice(list(PENS))),
        float(chance.uniform(-MOST_TURN, MOST_TURN)),
        float(chance.uniform(*SHARE)),
        (float(chance.uniform()), float(chance.uniform())),
    )


def photographs(digits: Images, seed: int, side: int | None = None) -> Iterator[tuple[Scene, bytes]]:
    """A scene and its JPEG file for each digit, uint8 [n, 28, 28]."""
    for number, digit in enumerate(digits):
        chance = np.random.default_rng([seed, number])
        found = scene(chance, side)
        yield found, photograph(digit, found, chance)


def photograph(digit: Images, shown: Scene, chance: Chance) -> bytes:
    """A JPEG file of a sheet of paper with a digit, uint8 [28, 28]; all 0 is an empty sheet."""
    factor = min(1.0, DRAWN / max(shown.size))
    width, height = (max(1, round(side * factor)) for side in shown.size)
    sheet = _sheet(digit, shown, (width, height), chance)
    sheet *= _shadow((width, height), chance)[..., None]
    return _taken(sheet, shown.size, chance)


def _sheet(digit: Images, shown: Scene, size: tuple[int, int], chance: Chance) -> Light:
    paper = np.array(PAPERS[chance.integers(len(PAPERS))], np.float32) / 255
    sheet: Light = np.broadcast_to(paper, (size[1], size[0], 3)) * _texture(size, chance)[..., None]
    tall = shown.share * min(size)
    if shown.ruling != "plain":
        lines = np.array(LINES[chance.integers(len(LINES))], np.float32) / 255
        sheet = _blended(sheet, lines, _ruling(shown, size, tall, chance))
    pen = np.array(PENS[shown.pen], np.float32) / 255
    return _blended(sheet, pen, _strokes(digit, shown, size, tall, chance))


def _blended(below: Light, color: Light, cover: Light) -> Light:
    return below + cover[..., None] * (color * below - below)


def _texture(size: tuple[int, int], chance: Chance) -> Light:
    """Fibers and clouds: noise of three sizes, around 1."""
    found = np.ones((size[1], size[0]), np.float32)
    for scale in (2, 8, 60):
        found += chance.uniform(*GRAIN) * _noise(size, scale, chance)
    return found


def _noise(size: tuple[int, int], scale: float, chance: Chance) -> Light:
    """Noise of standard deviation 1 or a little less, whose grains are `scale` pixels wide."""
    small = (max(2, round(size[1] / scale)), max(2, round(size[0] / scale)))
    return _enlarged(chance.standard_normal(small, np.float32), size)


def _enlarged(image: Light, size: tuple[int, int]) -> Light:
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def _turned(size: tuple[int, int], degrees: float) -> tuple[Light, Light]:
    """Each pixel's coordinates on the sheet, which is turned around the middle of the picture."""
    angle = np.deg2rad(degrees)
    down, across = np.indices((size[1], size[0]), np.float32)
    down, across = down - size[1] / 2, across - size[0] / 2
    return np.cos(angle) * across + np.sin(angle) * down, np.cos(angle) * down - np.sin(angle) * across


def _ruling(shown: Scene, size: tuple[int, int], tall: float, chance: Chance) -> Light:
    """How much the printed lines cover each pixel."""
    across, down = _turned(size, shown.turn)
    spacing, thick = tall * chance.uniform(*SPACING), max(1.0, tall * chance.uniform(0.01, 0.025))
    ways = (down,) if shown.ruling == "ruled" else (down, across)
    strength = chance.uniform(0.5, 1)
    cover = np.zeros((size[1], size[0]), np.float32)
    for way in ways:
        apart = np.abs((way + chance.uniform(0, spacing)) % spacing - spacing / 2)
        cover = np.maximum(cover, np.clip(thick / 2 + 0.5 - apart, 0, 1))
    return np.float32(strength) * cover


def _strokes(digit: Images, shown: Scene, size: tuple[int, int], tall: float, chance: Chance) -> Light:
    """How much the digit's ink covers each pixel: enlarged with smooth edges, turned, and pressed unevenly."""
    tall = max(tall, 16.0)
    enlarged = Image.fromarray(digit).resize((round(tall * 1.4),) * 2, Image.Resampling.BICUBIC)  # 20 of 28 are ink
    turned = enlarged.rotate(-shown.turn, Image.Resampling.BICUBIC, expand=True)
    edge = np.asarray(turned, np.float32) / 255
    ink = np.clip((edge - 0.5) * max(2.0, tall / 24) + 0.5, 0, 1)
    whole = Image.new("F", size)
    whole.paste(Image.fromarray(ink), _corner(ink, shown, size))
    pressed = np.clip(1 - 0.12 * np.abs(_noise(size, max(2, tall / 12), chance)), 0.5, 1)
    return np.asarray(whole) * pressed


def _corner(ink: Light, shown: Scene, size: tuple[int, int]) -> tuple[int, int]:
    """Where to paste `ink` so that what is not 0 of it lies on the sheet, at the scene's place."""
    if not ink.any():
        return 0, 0
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    free = LEFT_FREE * min(size)
    ends = ((columns[0], columns[-1], size[0], shown.place[0]), (rows[0], rows[-1], size[1], shown.place[1]))
    left, top = (free + place * max(0, side - 2 * free - (last - first)) - first for first, last, side, place in ends)
    return round(left), round(top)


def _shadow(size: tuple[int, int], chance: Chance) -> Light:
    """The share of the light that each pixel gets: a gradient, and sometimes the soft edge of a shadow."""
    across, down = _turned(size, chance.uniform(0, 360))
    way = across / np.hypot(*size) + 0.5
    dimmest = chance.uniform(*DIMMEST)
    light = dimmest + (1 - dimmest) * way
    if chance.uniform() < 0.5:
        edge, soft = chance.uniform(0.25, 0.75), chance.uniform(0.05, 0.2)
        light *= 1 - chance.uniform(0.1, 0.4) / (1 + np.exp((down / np.hypot(*size) + 0.5 - edge) / soft * 4))
    found: Light = light.astype(np.float32)
    return found


def _taken(sheet: Light, size: tuple[int, int], chance: Chance) -> bytes:
    """A JPEG file of the sheet, with the camera's exposure, its noise and its compression."""
    exposed = np.clip(sheet * chance.uniform(0.8, 1.02) * 255, 0, 255).astype(np.uint8)
    picture = Image.fromarray(exposed)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    return jpeg(_with_noise(picture, chance.uniform(*NOISE), chance), int(chance.integers(*QUALITY)))


def _with_noise(picture: Image.Image, deviation: float, chance: Chance) -> Image.Image:
    """Add noise from one patch of 256×256 at a time, which is quick also for 12 megapixels."""
    pixels = np.asarray(picture).astype(np.int16)
    patch = np.round(chance.standard_normal((256, 256), np.float32) * deviation * 255).astype(np.int16)
    repeats = -(-pixels.shape[0] // 256), -(-pixels.shape[1] // 256)
    pixels += np.tile(patch, repeats)[: pixels.shape[0], : pixels.shape[1], None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def jpeg(picture: Image.Image, quality: int = 85) -> bytes:
    """The bytes of a JPEG file."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def chessboard(chance: Chance) -> bytes:
    """A chessboard that fills the picture."""
    side = int(chance.integers(15, 80))
    light, dark = (chance.integers(170, 255), chance.integers(10, 110))
    squares = np.indices((8, 8)).sum(axis=0) % 2
    return jpeg(Image.fromarray(np.kron(np.where(squares, light, dark), np.ones((side, side))).astype(np.uint8)))


def noise(chance: Chance) -> bytes:
    """Noise of every brightness, in color."""
    height, width = chance.integers(28, 800, 2)
    return jpeg(Image.fromarray(chance.integers(0, 256, (height, width, 3), np.uint8)))


def landscape(chance: Chance) -> bytes:
    """A sky with clouds above three ranges of hills and a meadow."""
    width, height = int(chance.integers(300, 1200)), int(chance.integers(200, 800))
    sky = 0.75 + 0.1 * _noise((width, height), 90, chance) + 0.04 * _noise((width, height), 20, chance)
    sky += np.linspace(0, 0.15, height, dtype=np.float32)[:, None]
    rows = np.arange(height)[:, None]
    for number in range(4):
        ridge = height * (0.35 + 0.15 * number) + _noise((width, 2), width / 6, chance)[:1] * height * 0.07
        ground = (0.55 - 0.1 * number) * (1 + 0.2 * _noise((width, height), 6 + 3 * number, chance))
        sky = np.where(rows > ridge, ground, sky)
    color = np.stack([sky * 0.9, sky, sky * 0.85], axis=-1)
    return jpeg(Image.fromarray((np.clip(color, 0, 1) * 255).astype(np.uint8)))


def print_page(chance: Chance) -> bytes:
    """A page of print: lines of words in two columns, with a title."""
    width, height, size = 700, 990, int(chance.integers(9, 20))
    page = Image.new("L", (width, height), int(chance.integers(215, 255)))
    draw = ImageDraw.Draw(page)
    draw.text((60, 40), _words(chance, 3), fill=20, font_size=2 * size)
    for left in (60, 370):
        for top in range(110, height - 80, round(1.5 * size)):
            line = _words(chance, 12)
            while draw.textlength(line, font_size=size) > 270:
                line = line.rpartition(" ")[0]
            draw.text((left, top), line, fill=25, font_size=size)
    return jpeg(page)


def _words(chance: Chance, count: int) -> str:
    letters = list("etaoinshrdlucmfwypvbgk")
    return " ".join("".join(chance.choice(letters, chance.integers(2, 9))) for _ in range(count))


NOT_DIGITS: Mapping[str, Any] = {
    "chessboard": chessboard,
    "noise": noise,
    "landscape": landscape,
    "page of print": print_page,
}
