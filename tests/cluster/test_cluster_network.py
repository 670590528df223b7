"""Devices with network stacks of their own, as in a real network, and TLS between machines."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster.clusters import PATIENCE, Cluster, scheduler, until, worker
from PIL import Image
from shared_fixtures import Run

from edgecnn.data import Dataset
from edgecnn.folder import SHIPPED_MODELS

pytestmark = pytest.mark.long

MODEL = SHIPPED_MODELS / "edge" / "model.int8.onnx"
PICTURES = 1500
NETWORK = "10.213.77"
LAPTOP, *DEVICES = (f"{NETWORK}.{number}" for number in range(1, 5))


@dataclass(frozen=True)
class Namespace:
    """A network stack of its own with one address."""

    name: str
    address: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What runs a command in it."""
        return ("ip", "netns", "exec", self.name)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@contextmanager
def namespace(bridge: str, number: int, address: str) -> Iterator[Namespace]:
    """One that is connected to the bridge, as by a cable to a switch."""
    name, cable = f"{bridge}-{number}", f"{bridge}v{number}"
    ip("netns", "add", name)
    try:
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", cable, "master", bridge, "up")
        ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield Namespace(name, address)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)


@contextmanager
def network() -> Iterator[list[Namespace]]:
    """Four namespaces on a bridge, in which nothing else is. Skips where they cannot be made."""
    bridge = f"ec{os.getpid() % 1_000_000}"
    if not shutil.which("ip") or os.geteuid() != 0:
        pytest.skip("needs network namespaces: run as root, after apt-get install iproute2")
    try:
        ip("link", "add", bridge, "type", "bridge")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs network namespaces, which this kernel or container refuses: {error.stderr.strip()}")
    try:
        ip("link", "set", bridge, "up")
        with ExitStack() as all_of_them:
            places = enumerate((LAPTOP, *DEVICES))
            yield [all_of_them.enter_context(namespace(bridge, number, address)) for number, address in places]
    finally:
        subprocess.run(["ip", "link", "delete", bridge], check=False)


@pytest.fixture(scope="module")
def places() -> Iterator[list[Namespace]]:
    with network() as found:
        yield found


@pytest.fixture
def laptop(places: list[Namespace]) -> Namespace:
    return places[0]


@pytest.fixture(scope="module")
def digits(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures") / "digits"
    folder.mkdir()
    for number, image in enumerate(mnist.test.images[:PICTURES]):
        Image.fromarray(image).save(folder / f"{number:04}.png")
    (folder / "0100-text.png").write_text("not a picture")
    return folder


@pytest.fixture
def cluster(places: list[Namespace], tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and three workers, each in a namespace of its own."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    laptop, *devices = places
    with ExitStack() as all_of_them:
        found = all_of_them.enter_context(scheduler(folder, laptop.address, prefix=laptop.prefix))
        for place in devices:
            name = f"device-{place.address[-1]}"
            all_of_them.enter_context(worker(found, name, place.address, prefix=place.prefix))
        yield found


def command(laptop: Namespace, *arguments: str | Path, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*laptop.prefix, sys.executable, "-m", "edgecnn", *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_device_that_ends_in_mid_work_loses_nothing_and_doubles_nothing(
    laptop: Namespace, cluster: Cluster, digits: Path, edgecnn: Run, tmp_path: Path
) -> None:
    edgecnn("predict", digits, "--model", MODEL, "--csv", "one.csv", cwd=tmp_path)
    options = ("--model", MODEL, "--csv", "many.csv", "--cluster", cluster.address)
    predicting = command(laptop, "predict", digits, *options, folder=tmp_path)
    until(lambda: lines(tmp_path / "many.csv") > 100 or None)
    os.kill(cluster.workers["device-3"].process.pid, signal.SIGKILL)
    assert lines(tmp_path / "many.csv") < PICTURES
    said = predicting.communicate(timeout=2 * PATIENCE)[1]
    assert predicting.returncode == 1  # for the text among the pictures
    assert said.splitlines()[-1] == f"error: 1 of {PICTURES + 1:,} pictures cannot be read"
    assert (tmp_path / "many.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_a_device_that_ends_in_mid_bench_is_listed_and_stops_no_other(
    laptop: Namespace, cluster: Cluster, tmp_path: Path
) -> None:
    options = ("--runtime", "onnxruntime", "--duration", "1", "--json", "all.json", "--cluster", cluster.address)
    benching = command(laptop, "bench", "nano", *options, "--markdown", "-", folder=tmp_path)
    doomed = cluster.workers["device-4"].process
    children = until(lambda: _children(doomed.pid) or None)
    os.kill(doomed.pid, signal.SIGKILL)
    printed, said = benching.communicate(timeout=2 * PATIENCE)
    assert benching.returncode == 1, said
    assert f"({NETWORK}.4) failed: its worker ended before the bench did" in said
    heading = next(line for line in printed.splitlines() if line.startswith("| figure"))
    assert [f"({address})" in heading for address in DEVICES] == [True] * 3
    assert "| Pareto front over devices |" in printed
    until(lambda: True if not any(map(_is_alive, children)) else None)


def test_a_bench_that_is_stopped_ends_on_the_devices_too(laptop: Namespace, cluster: Cluster, tmp_path: Path) -> None:
    options = ("--runtime", "onnxruntime", "--duration", "60", "--cluster", cluster.address)
    benching = command(laptop, "bench", "nano", *options, folder=tmp_path)
    workers = [running.process.pid for running in cluster.workers.values()]
    children = [child for pid in workers for child in until(lambda pid=pid: _children(pid) or None)]  # type: ignore[misc]
    benching.send_signal(signal.SIGINT)
    said = benching.communicate(timeout=PATIENCE)[1]
    assert (benching.returncode, said) == (130, "stopped; no file was written\n")
    until(lambda: True if not any(map(_is_alive, children)) else None)
    assert all(map(_is_alive, workers))


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()] or [
        int(pid) for task in Path(f"/proc/{parent}/task").iterdir() for pid in (task / "children").read_text().split()
    ]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def certificates(folder: Path) -> None:
    """Those that docs/cluster.md makes."""
    for line in (
        "req -x509 -newkey rsa:3072 -nodes -days 825 -subj /CN=cluster-ca -keyout ca.key -out ca.pem",
        "req -newkey rsa:3072 -nodes -subj /CN=cluster -keyout key.pem -out request.pem",
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -out cert.pem",
    ):
        subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl: apt-get install openssl")
def test_tls_by_dasks_own_options(edgecnn: Run, digits: Path, tmp_path: Path) -> None:
    certificates(tmp_path)
    ours = {name: str(tmp_path / file) for name, file in (("ca", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem"))}
    options = ("--tls-ca-file", ours["ca"], "--tls-cert", ours["cert"], "--tls-key", ours["key"])
    given = ("predict", digits / "0001.png", "--model", MODEL, "--csv", "one.csv", "--cluster")
    client = "DASK_DISTRIBUTED__COMM__TLS__"
    settings = {
        f"{client}CA_FILE": ours["ca"],
        f"{client}CLIENT__CERT": ours["cert"],
        f"{client}CLIENT__KEY": ours["key"],
    }
    with scheduler(tmp_path, "127.0.0.1", "--protocol", "tls", *options) as found:
        assert found.address.startswith("tls://")
        with worker(found, "shelf", "127.0.0.2", *options):
            refused = edgecnn(*given, found.address, cwd=tmp_path)
            assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1), refused.stderr
            assert f"{found.address} can only be opened with certificates" in refused.stderr
            plain = edgecnn(*given, found.address.replace("tls:", "tcp:"), cwd=tmp_path)
            assert (plain.returncode, len(plain.stderr.splitlines())) == (1, 1), plain.stderr
            assert "with tls:// if it takes nothing else" in plain.stderr
            gone = edgecnn(*given, found.address, cwd=tmp_path, **settings | {f"{client}CA_FILE": "gone.pem"})
            assert (gone.returncode, len(gone.stderr.splitlines())) == (1, 1), gone.stderr
            done = edgecnn(*given, found.address, cwd=tmp_path, **settings)
    assert (done.returncode, done.stderr) == (0, "wrote one.csv: 1 pictures\n")
