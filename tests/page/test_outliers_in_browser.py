"""The page without a server calls the very pictures uncertain that Python does."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import outlier_models
import pytest
from browser import Browser, chromium
from page.drawing_page import drop, read_as, show
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.page import standalone
from edgecnn.readings import Verdict, Wanted, read_files
from edgecnn.runtime.classifier import Classifier

pytestmark = pytest.mark.slow
UNSURE = "document.querySelector('#number span').className"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize(("share", "verdict", "shown"), [(1 + 1e-9, "label", ""), (1 - 1e-9, "uncertain", "unsure")])
@pytest.mark.parametrize("number", [0, 5])
def test_the_page_knows_the_distance_that_python_knows(
    browser: Browser, mnist: Dataset, tmp_path: Path, number: int, share: float, verdict: Verdict, shown: str
) -> None:
    image, label = mnist.test.images[number : number + 1], mnist.test.labels[number : number + 1]
    (distance,) = outlier_models.fitted().distances(image, label)
    model = outlier_models.telling(tmp_path / "model.onnx", float(share * distance))
    picture, content = tmp_path / "digit.png", BytesIO()
    Image.fromarray(image[0]).save(content, "PNG")
    picture.write_bytes(content.getvalue())
    ((_, readings),) = read_files(Classifier(model), [picture], Wanted())
    assert isinstance(readings, list)
    assert [reading.verdict for reading in readings] == [verdict]
    (page,) = standalone.write(model, tmp_path / "page", single_file=True).paths
    show(browser, page)
    drop(browser, content.getvalue(), "image/png")
    read_as(browser, str(label[0]))
    assert browser.run(UNSURE) == shown
    assert browser.complaints == []
