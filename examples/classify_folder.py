"""Label the pictures of a folder and write a CSV file: python classify_folder.py FOLDER CSV [MODEL]

A row has the file's name, the label and its probability. A picture that cannot be read gets a row with the reason, and
the others are labeled all the same. MODEL is an ONNX file, a model folder or a shipped model's name. Needs no
TensorFlow.
"""

import csv
import sys
from pathlib import Path

from edgecnn import Classifier
from edgecnn.errors import ImageError
from edgecnn.predict import FileResult, classify_files


def main(folder: str, output: str, model: str = "edge") -> None:
    with Path(output).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label", "probability", "problem"])
        rows.writerows(map(row, classify_files(Classifier(model), [folder])))


def row(result: FileResult) -> list[str]:
    path, found = result
    if isinstance(found, ImageError):
        return [path.name, "", "", str(found)]
    (best,) = found
    return [path.name, best.label, f"{best.probability:.4f}", ""]


if __name__ == "__main__":
    main(*sys.argv[1:])
