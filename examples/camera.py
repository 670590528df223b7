"""Label what the Raspberry Pi's camera sees: python camera.py [MODEL] [PICTURES]

Takes a picture a second and prints its label, until Ctrl-C or after PICTURES of them. Show it a digit on white paper.
MODEL is an ONNX file, a model folder or a shipped model's name. Needs picamera2, which Raspberry Pi OS has as the
package python3-picamera2; make the virtual environment with --system-site-packages, so that it is found.
"""

import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from picamera2 import Picamera2

from edgecnn import Classifier
from edgecnn.readings import Reading, read_files


def main(model: str = "edge", pictures: str = "") -> None:
    classifier = Classifier(model)
    with Picamera2() as camera, tempfile.TemporaryDirectory() as folder:
        camera.configure(camera.create_still_configuration(main={"size": (1280, 960)}))
        camera.start()
        for _ in range(int(pictures)) if pictures else count():
            time.sleep(1)  # also before the first one: the camera sets exposure and white balance meanwhile
            camera.capture_file(str(Path(folder) / "seen.jpg"))
            for _, found in read_files(classifier, [folder]):
                print(found if isinstance(found, Exception) else describe(found[0]), flush=True)


def describe(reading: Reading) -> str:
    best = "".join(f" {item.label} {item.probability:.0%}" for item in reading.predictions[:1])
    return f"{reading.verdict}{best}"


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
