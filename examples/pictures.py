"""Write a few pictures of digits to try `edgecnn predict` on: python pictures.py DIR

Ten of MNIST's test images as they are (white on black, 28×28, PNG) and one as a photographed note would show it (dark
on light, larger, JPEG). A file is named <index>-<label>.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import edgecnn


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    test = edgecnn.load().test
    for index in range(10):
        Image.fromarray(test.images[index]).save(folder / f"{index:02}-{test.labels[index]}.png")
    paper = np.full((28, 28), 235, np.uint8) - (test.images[10] * 0.8).astype(np.uint8)
    Image.fromarray(paper).resize((280, 280), Image.Resampling.BICUBIC).save(folder / f"10-{test.labels[10]}.jpg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
