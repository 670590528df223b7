"""The camera's example, with a camera in place of picamera2's that photographs a digit on paper, then plain paper."""

import sys
from pathlib import Path

import pytest
from PIL import Image
from shared_fixtures import run

from edgecnn.data import Dataset

PROGRAM = Path(__file__).parents[2] / "examples" / "camera.py"
# As much of picamera2 as the example uses, each with the rules of the real one: a camera is configured, then started.
PICAMERA2 = """\
from pathlib import Path
from PIL import Image

class Picamera2:
    def __init__(self):
        self.state, self.pictures = "open", sorted(Path(__file__).parent.glob("scene-*.png"))
    def __enter__(self):
        return self
    def __exit__(self, *_):
        self.state = "closed"
        print("closed")
    def create_still_configuration(self, main):
        return {"main": main}
    def configure(self, configuration):
        assert self.state == "open"
        self.state, self.size = "configured", configuration["main"]["size"]
    def start(self):
        assert self.state == "configured"
        self.state = "started"
    def capture_file(self, file_output):
        assert self.state == "started" and file_output.endswith(".jpg")
        Image.open(self.pictures.pop(0)).resize(self.size).convert("RGB").save(file_output)
"""


@pytest.fixture
def camera(mnist: Dataset, tmp_path: Path) -> Path:
    (tmp_path / "picamera2.py").write_text(PICAMERA2)
    for number, has_digit in enumerate((True, False)):
        paper = Image.new("L", (640, 480), 230)
        if has_digit:
            digit = Image.fromarray(255 - mnist.test.images[0]).resize((220, 220)).point(lambda ink: ink * 230 // 255)
            paper.paste(digit, (210, 130))
        paper.save(tmp_path / f"scene-{number}.png")
    return tmp_path


def test_the_camera_labels_what_it_sees(camera: Path) -> None:
    done = run([sys.executable], PROGRAM, "edge", "2", cwd=camera, PYTHONPATH=str(camera))
    assert (done.returncode, done.stderr) == (0, "")
    seen, nothing, closed = done.stdout.splitlines()
    assert seen.startswith("label 7 ")
    assert (nothing, closed) == ("no digit", "closed")
