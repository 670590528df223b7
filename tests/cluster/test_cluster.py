"""Many devices: plain processes on loopback, each of which has an address of its own, as a device has."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import textwrap
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cluster.clusters import PATIENCE, Cluster, scheduler, until, worker
from PIL import Image
from shared_fixtures import ONE_PROCESS, TESTS, Run
from typer.testing import CliRunner

from edgecnn.bench.results import Plan
from edgecnn.cli import app
from edgecnn.cluster import address, device
from edgecnn.cluster.connection import connected, own_version
from edgecnn.cluster.job import job_of
from edgecnn.data import Dataset
from edgecnn.errors import EdgecnnError, ModelError, UsageError
from edgecnn.folder import SHIPPED_MODELS

pytestmark = pytest.mark.slow

PICTURES = 300
MODEL = SHIPPED_MODELS / "edge" / "model.int8.onnx"
HOSTS = {"shelf": "127.0.0.2", "drawer": "127.0.0.3"}
ENDS = "ends.png"  # a picture that ends the worker that reads it
# What `dask worker --preload` runs in the worker.
ENDING = f"""
import os
from edgecnn.cluster import device

whole = device.__dict__.setdefault("whole", device._contents)  # the nanny preloads it too

def contents(pictures):
    if any(picture.name.endswith({ENDS!r}) for picture in pictures):
        os._exit(1)
    return whole(pictures)

device._contents = contents
"""

# The bench of one device has one process for all rounds, and that of the other does not start.
BENCHING = """
from edgecnn.cluster import bench_device

bench_device.COMMAND = {!r}
"""


@pytest.fixture(scope="module")
def digits(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits, and whatever else may stand in a folder of pictures."""
    folder = tmp_path_factory.mktemp("pictures") / "digits"
    folder.mkdir()
    for number, image in enumerate(mnist.test.images[:PICTURES]):
        Image.fromarray(image).save(folder / f"{number:04}.png")
    whole = (folder / "0003.png").read_bytes()
    (folder / "0100-cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "0101-text.png").write_text("not a picture")
    (folder / "0102-empty.png").touch()
    (folder / "0103-gone.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "0104-pipe.png")
    Image.new("L", (100, 100), 255).save(folder / "0105-paper.png")
    Image.effect_noise((3000, 3000), 90).save(folder / "0106-large.png")  # more bytes than go at once
    os.link(folder / "0007.png", os.fsencode(folder) + b"/0107-\xff.png")
    return folder


@pytest.fixture(scope="module")
def whole(edgecnn: Run, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table that this machine makes alone."""
    path = tmp_path_factory.mktemp("whole") / "all.csv"
    edgecnn("predict", digits, "--model", MODEL, "--csv", path, "--workers", "1")
    return path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "quick.py").write_text(f"def main():\n{textwrap.indent(ONE_PROCESS, '    ')}")
    with scheduler(folder) as found, ExitStack() as all_of_them:
        for (name, host), command in zip(HOSTS.items(), ("quick", "no_such_command"), strict=True):
            (folder / f"{name}.py").write_text(BENCHING.format(command))
            preload = ("--preload", str(folder / f"{name}.py"))
            all_of_them.enter_context(worker(found, name, host, *preload, PYTHONPATH=str(folder)))
        yield found


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def predicting(digits: Path, table: Path, cluster: Cluster, option: str = "--csv") -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "edgecnn", "predict", digits, "--model", MODEL, option, table]
    return subprocess.Popen([*map(str, command), "--cluster", cluster.address], stderr=subprocess.PIPE, text=True)


def test_the_table_is_that_of_one_machine_though_a_worker_ends_in_mid_work(
    digits: Path, whole: Path, cluster: Cluster, tmp_path: Path
) -> None:
    table = tmp_path / "many.csv"
    with worker(cluster, "short-lived", "127.0.0.4") as doomed:
        command = predicting(digits, table, cluster)
        until(lambda: lines(table) > 20 or None)
        os.kill(doomed.process.pid, signal.SIGKILL)
        assert lines(table) < PICTURES
        said = command.communicate(timeout=PATIENCE)[1]
    assert table.read_bytes() == whole.read_bytes()
    assert command.returncode == 1
    assert said.splitlines()[-1] == "error: 5 of 308 pictures cannot be read"


def test_an_interrupted_table_is_continued(digits: Path, whole: Path, cluster: Cluster, tmp_path: Path) -> None:
    table = tmp_path / "many.csv"
    command = predicting(digits, table, cluster)
    until(lambda: lines(table) > 20 or None)
    command.send_signal(signal.SIGINT)
    said = command.communicate(timeout=PATIENCE)[1]
    assert (command.returncode, len(said.splitlines())) == (130, 1), said
    assert f"give --resume {table} to continue" in said
    assert lines(table) < PICTURES
    again = predicting(digits, table, cluster, "--resume")
    again.communicate(timeout=PATIENCE)
    assert table.read_bytes() == whole.read_bytes()


@pytest.mark.long
def test_a_picture_that_ends_its_workers_stops_no_other(
    digits: Path, whole: Path, edgecnn: Run, tmp_path: Path
) -> None:
    (tmp_path / "ending.py").write_text(ENDING)
    some = tmp_path / "some"
    some.mkdir()
    for number in range(40):
        os.link(digits / f"{number:04}.png", some / f"{number:04}.png")
    os.link(digits / "0001.png", some / f"0020-{ENDS}")
    once = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    nanny = ("--nanny", "--preload", str(tmp_path / "ending.py"))
    with scheduler(tmp_path, **once) as found, worker(found, "tough", "127.0.0.2", *nanny):
        done = edgecnn(
            "predict", "some", "--model", MODEL, "--csv", "some.csv", "--cluster", found.address, cwd=tmp_path
        )
    assert done.returncode == 1
    rows = list(csv.DictReader((tmp_path / "some.csv").read_text().splitlines()))
    alone = {Path(row["file"]).name: row for row in csv.DictReader(whole.open(errors="surrogateescape"))}
    assert [Path(row["file"]).name for row in rows] == sorted(path.name for path in some.iterdir())
    for row in rows:
        name = Path(row["file"]).name
        assert (row["verdict"] == "error") == (ENDS in name), row
        if ENDS not in name:
            assert row | {"file": name} == alone[name] | {"file": name}
    assert done.stderr.splitlines() == [
        "wrote some.csv: 41 pictures",
        f"error: some/0020-{ENDS} was not read: the worker that read it alone ended; "
        "leave it out, or try it with --raw",
        "error: 1 of 41 pictures cannot be read",
    ]


def test_each_device_is_listed_with_its_figures_or_its_reason(edgecnn: Run, cluster: Cluster, tmp_path: Path) -> None:
    done = edgecnn(
        *("bench", MODEL, "--runtime", "onnxruntime", "--duration", "0.1", "--cluster", cluster.address),
        *("--json", "all.json", "--csv", "all.csv", "--html", "all.html", "--markdown", "-"),
        *("--fail-if", "onnx-int8.p50_us > 0.001", "--fail-if", "onnx-float32.p50_us > 1"),
        cwd=tmp_path,
    )
    shelf, drawer = (f"{socket.gethostname()} ({host})" for host in HOSTS.values())
    assert (done.returncode, done.stderr.splitlines()[:2]) == (
        1,
        [
            f"error: {drawer} failed: ModuleNotFoundError: No module named 'no_such_command'",
            f"error: {shelf}: 'onnx-float32.p50_us > 1' cannot be judged, onnx-float32 was not measured",
        ],
    )
    assert done.stderr.splitlines()[2].startswith(f"rule held: {shelf}: onnx-int8.p50_us > 0.001")
    document = json.loads((tmp_path / "all.json").read_text())
    assert [(device["name"], bool(device["failure"])) for device in document["devices"]] == [
        (shelf, False),
        (drawer, True),
    ]
    (row,) = document["devices"][0]["run"]["contenders"]
    assert (row["name"], row["model"], row["images"]) == ("onnx-int8", "edge/model.int8.onnx", 10_000)
    (best,) = document["front"]
    assert (best["device"], best["contender"], best["time_us"]) == (shelf, "onnx-int8", row["p50_us"])
    (line,) = csv.DictReader((tmp_path / "all.csv").read_text().splitlines())
    assert (line["device"], line["name"]) == (shelf, "onnx-int8")
    assert f"| figure | contender | {shelf} | {drawer} |" in done.stdout
    assert drawer in (tmp_path / "all.html").read_text()


def test_a_model_travels_with_its_onnx_files_and_its_card_and_without_its_original() -> None:
    job = job_of(["edge", str(MODEL)], Plan(duration=1.5), ["onnxruntime"], "/data")
    names = sorted(path.name for path in MODEL.parent.glob("*.onnx"))
    alone = f"edge-1/{MODEL.name}"
    assert sorted(name for name, _ in job.files) == sorted(
        [*(f"edge/{name}" for name in (*names, "card.json")), alone, "edge-1/card.json"]
    )
    assert dict(job.files)[alone] == MODEL.read_bytes()
    assert job.arguments[:2] == ("edge", alone)
    assert {"--runtime=onnxruntime", "--data=/data", "1.5"} <= set(job.arguments)


def test_an_original_alone_cannot_travel(tmp_path: Path) -> None:
    (tmp_path / "model.keras").touch()
    for path in (tmp_path, tmp_path / "model.keras"):
        with pytest.raises(ModelError, match="run 'edgecnn export"):
            job_of([str(path)], Plan(), [], None)


def test_a_worker_that_joins_later_must_have_the_same_edgecnn() -> None:
    device.require_version(own_version())
    with pytest.raises(EdgecnnError, match=f"has edgecnn {own_version()}, and the command has edgecnn 0.0.9"):
        device.require_version("0.0.9")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bench", "nano", "--compare", "earlier.json"], "--compare does nothing with --cluster"),
        (["bench", "nano", "--data", "digits"], "--data digits is read on each device"),
        (["bench", "nano", "--runtime", "nosuch"], "there is no runtime 'nosuch'"),
        (["bench", "nano", "--fail-if", "nonsense"], "'nonsense' is not a rule"),
        (["predict", "a.png"], "--cluster does nothing without --csv or --resume"),
        (["predict", "a.png", "--csv", "a.csv", "--workers", "2"], "--workers does nothing with --cluster"),
    ],
)
def test_what_makes_no_sense_with_many_devices_is_wrong_usage(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*arguments, "--cluster", "tcp://127.0.0.1:8786"])
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        *("here", "localhost:8786", "tcp://", "tcp://host", "tcp://:8786", "tcp://host:port", "tcp://host:0"),
        *("tcp://host:70000", "http://host:8786", "tcp://host:8786/x", "tcp://me@host:8786", "tcp://a b:8786"),
        *("tcp://[::1:8786", "inproc://1", " "),
    ],
)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a scheduler"):
        address.parse(text)


@pytest.mark.parametrize("text", ["tcp://192.168.1.10:8786", "tls://pi.local:8786", "tcp://[::1]:8786"])
def test_an_address_is_a_host_and_a_port(text: str) -> None:
    assert address.parse(text)[1] == 8786


def refused(where: str) -> str:
    with pytest.raises(EdgecnnError) as error, connected(where):
        pass
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_scheduler_that_is_not_there(edgecnn: Run, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        assert f"no scheduler answers at {where} (Connection refused)" in refused(where)
        for command in (("bench", "nano", "--json", "b.json"), ("predict", TESTS, "--csv", "p.csv")):
            done = edgecnn(*command, "--cluster", where, cwd=tmp_path)
            assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {refused(where)}\n")
    assert list(tmp_path.iterdir()) == []
    assert "nosuch.invalid" in refused("tcp://nosuch.invalid:8786")


@contextmanager
def something_else() -> Iterator[int]:
    """The port of a server that ends each connection: whoever speaks another protocol does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_something_else_than_a_scheduler() -> None:
    with something_else() as port:
        where = f"tcp://127.0.0.1:{port}"
        assert f"what answers at {where} is not a scheduler" in refused(where)


def test_workers_that_are_not_there_or_have_no_edgecnn_or_another_one(tmp_path: Path) -> None:
    other = tmp_path / "other" / "edgecnn-0.0.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: edgecnn\nVersion: 0.0.9\n")
    packages = tmp_path / "packages"
    packages.mkdir()
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if "edgecnn" not in item.name.lower() and item.suffix != ".pth":
            (packages / item.name).symlink_to(item)
    with scheduler(tmp_path) as found:
        assert f"the scheduler at {found.address} has no workers" in refused(found.address)
        with worker(found, "old", "127.0.0.2", PYTHONPATH=str(other.parent)):
            said = refused(found.address)
            assert "the worker old (tcp://127.0.0.2:" in said
            assert "has edgecnn 0.0.9, and this is edgecnn 0.1.0" in said
        base = str(getattr(sys, "_base_executable", sys.executable))
        with worker(found, "bare", "127.0.0.3", python=base, PYTHONPATH=str(packages), PYTHONNOUSERSITE="1"):
            said = refused(found.address)
            assert "the worker bare (tcp://127.0.0.3:" in said
            assert "has no edgecnn: install edgecnn 0.1.0" in said


@pytest.mark.long
def test_a_scheduler_that_ends_is_told_and_the_table_is_kept(digits: Path, whole: Path, tmp_path: Path) -> None:
    table = tmp_path / "many.csv"
    with scheduler(tmp_path) as found, worker(found, "shelf", "127.0.0.2"):
        command = predicting(digits, table, found)
        until(lambda: lines(table) > 20 or None)
        found.scheduler.process.kill()
        said = command.communicate(timeout=PATIENCE)[1]
    assert command.returncode == 1
    assert said.splitlines() == [
        f"error: the scheduler at {found.address} is gone or was restarted: start it and its workers again, "
        "then run the command again (predict continues with --resume)"
    ]
    kept = table.read_bytes()
    assert whole.read_bytes().startswith(kept)
    assert 20 < lines(table) < PICTURES


def test_dask_is_not_imported_without_cluster(edgecnn: Run, digits: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "edgecnn", "predict", digits / "0001.png", "--model", "nano"]
    done = subprocess.run(
        [*map(str, command), "--csv", "one.csv"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "edgecnn.bulk.table" in done.stderr
    assert "distributed" not in done.stderr
    assert "edgecnn.cluster" not in done.stderr
