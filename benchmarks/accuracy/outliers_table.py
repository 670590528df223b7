"""The results of the program outliers, and their table."""

from benchmarks.lib import markdown, paths
from benchmarks.lib.results import Row, read_result

RESULTS = paths.RESULTS / "outliers.json"
DIGITS, LETTERS, PICTURES = "test digits", "letters", "digits of real pictures"
PRECISIONS = ("float32", "int8")
WAYS = {"far": "distance", "unsure": "confidence", "uncertain": "either"}


def table() -> str:
    """A column for each file; of each source the share that is kept or rejected, and how well it is told apart."""
    found = read_result(RESULTS)
    files: list[Row] = found.get("files", [])
    titles = [f"`{row['network']}` {row['precision']}" for row in files]
    names = dict.fromkeys(name for row in files for name in row["sources"])
    rows = [line for name in names for line in _lines(name, files)]
    rows.append(["time of an answer, times that without the check", *(f"{row['times']:.2f}" for row in files)])
    return markdown.table(["%", *titles], rows, _conditions(found))


def _lines(name: str, files: list[Row]) -> list[list[str]]:
    what = "kept" if name in (DIGITS, PICTURES) else "rejected"
    sources = [row["sources"].get(name) for row in files]
    lines = [
        [f"{name} {what}, by {way}", *(_share(source, key, what) for source in sources)] for key, way in WAYS.items()
    ]
    areas = [] if what == "kept" else ["area by distance", "area by confidence"]
    titles = [f"{name}, {key.replace('area', 'area under the curve')}" for key in areas]
    return [
        *lines,
        *([title, *(_area(source, key) for source in sources)] for title, key in zip(titles, areas, strict=True)),
    ]


def _share(source: Row | None, key: str, what: str) -> str:
    if source is None:
        return "–"
    share = 100 * source[key] / source["images"]
    return f"{share if what == 'rejected' else 100 - share:.2f}"


def _area(source: Row | None, key: str) -> str:
    return "–" if source is None else f"{100 * source[key]:.2f}"


def _conditions(found: Row) -> list[str]:
    files: list[Row] = found.get("files", [])
    counts = {name: source["images"] for row in files for name, source in row["sources"].items()}
    images = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    versions = found.get("versions", {})
    return [
        f"Images: {images}. The limits of distance and of confidence are those in the file, chosen on validation "
        "images; `edgecnn predict` says uncertain where either is passed. Area under the curve: how often, of a test "
        "digit and an image that is not one, the latter has the higher score; 50 is chance. Letters that look like "
        "digits are left out.",
        f"{found.get('host', '')}; onnxruntime {versions.get('onnxruntime', '')}, numpy {versions.get('numpy', '')}",
    ]
