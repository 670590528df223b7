"""Measure how fast predict reads many pictures, and whether its memory grows with their number: [--memory]

Folders of 28×28 PNG files, of JPEG files of 1 megapixel and of 12 megapixels are read into a table by one process and
by as many as there are processors. In the same rounds, the same files are only decoded: by Pillow alone, and as predict
opens them, by as many processes and by as many threads. The least seconds of ROUNDS count. With --memory, only the
memory is measured: the peak of all processes together for 1,000 and for 100,000 files, which are links to a few.
Written to benchmarks/results/many_pictures.json. Takes ten minutes; needs Linux.
"""

import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.accuracy import paper
from benchmarks.lib import markdown, paths
from benchmarks.lib.results import read_result, update_result
from edgecnn.bulk.pool import processors
from edgecnn.data import load
from edgecnn.host.machine import this_host
from edgecnn.imaging.reading import open_sheet

RESULTS = paths.RESULTS / "many_pictures.json"
FOLDERS = {"28×28 PNG": (5000, None), "1 MP JPEG": (400, (1155, 866)), "12 MP JPEG": (60, (4000, 3000))}
ROUNDS, SEED, DISTINCT = 3, 0, 20
FEW, MANY = 1000, 100_000
LOOK_SECONDS, MEGABYTE = 0.05, 2**20


def main(arguments: Sequence[str]) -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args(arguments)
    host = this_host()
    update_result(RESULTS, host=str(host), versions=host.versions, processes=processors())
    with tempfile.TemporaryDirectory() as work:
        if not given.memory:
            update_result(RESULTS, rates={name: rates(Path(work), name) for name in FOLDERS})
        update_result(RESULTS, peak_megabytes={str(count): peak_of(Path(work), count) for count in (FEW, MANY)})
    print(table())


def rates(work: Path, name: str) -> dict[str, float]:
    """Pictures a second of each way, by the least seconds of some rounds in which all take turns."""
    count, size = FOLDERS[name]
    folder = made(work / name, count, size)
    files = sorted(map(str, folder.iterdir()))
    processes, threads = partial(ProcessPoolExecutor, mp_context=get_context("spawn")), ThreadPoolExecutor
    ways: dict[str, Callable[[], None]] = {
        "predict": lambda: predicted(folder, processors()),
        "predict, one process": lambda: predicted(folder, 1),
        "decoded by Pillow, processes": lambda: mapped(processes, decoded, files),
        "decoded by Pillow, threads": lambda: mapped(threads, decoded, files),
        "opened as predict does, processes": lambda: mapped(processes, opened, files),
    }
    rounds = [{way: timed(done) for way, done in ways.items()} for _ in range(ROUNDS)]
    return {way: count / min(seconds[way] for seconds in rounds) for way in ways}


def made(folder: Path, count: int, size: tuple[int, int] | None) -> Path:
    """A folder with so many pictures; large ones are photographs that paper.py draws, each of a few many times."""
    folder.mkdir()
    images, chance = load().test.images, np.random.default_rng(SEED)
    if size is None:
        for number in range(count):
            Image.fromarray(images[number]).save(folder / f"{number:05}.png")
        return folder
    shown = paper.Scene(size, "plain", "blue", 5, 0.4, (0.5, 0.5))
    contents = [paper.photograph(image, shown, chance) for image in images[:DISTINCT]]
    for number in range(count):
        (folder / f"{number:05}.jpg").write_bytes(contents[number % DISTINCT])
    return folder


def timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def predicted(folder: Path, processes: int) -> None:
    table = folder.with_suffix(".csv")
    table.unlink(missing_ok=True)
    subprocess.run([*command(folder, table), "--workers", str(processes)], check=True, stderr=subprocess.DEVNULL)


def command(folder: Path, table: Path) -> list[str]:
    return [sys.executable, "-m", "edgecnn", "predict", str(folder), "--csv", str(table), "--model", "edge"]


def mapped(executor: Callable[[int], Executor], work: Callable[[str], None], files: Sequence[str]) -> None:
    with executor(processors()) as workers:
        for _ in workers.map(work, files, chunksize=16):
            pass


def decoded(file: str) -> None:
    with Image.open(file) as picture:
        picture.load()


def opened(file: str) -> None:
    open_sheet(Path(file))


def peak_of(work: Path, count: int) -> float:
    """The most megabytes that predict's processes have together while they read so many pictures."""
    folder = work / f"{count} links"
    folder.mkdir()
    source = work / "digits"
    if not source.exists():
        made(source, DISTINCT, None)
    names = sorted(os.listdir(source))  # noqa: PTH208
    for number in range(count):
        (folder / f"{number:06}.png").hardlink_to(source / names[number % DISTINCT])
    with subprocess.Popen(command(folder, folder.with_suffix(".csv")), stderr=subprocess.DEVNULL) as process:
        most = 0
        while process.poll() is None:
            most = max(most, memory_of(process.pid))
            time.sleep(LOOK_SECONDS)
    return most / MEGABYTE


def memory_of(process: int) -> int:
    """The bytes that only a process and its children have, and their shares of what they have in common."""
    try:
        parent = psutil.Process(process)
        return sum(each.memory_full_info().pss for each in (parent, *parent.children(recursive=True)))
    except psutil.Error:  # it has just ended
        return 0


def table() -> str:
    """The results in `many_pictures.json`, as a Markdown table."""
    result: dict[str, Any] = read_result(RESULTS)
    ways = list(next(iter(result["rates"].values())))
    rows = [[name, *(f"{found[way]:,.0f}" for way in ways)] for name, found in result["rates"].items()]
    memory = ", ".join(f"{peak:.0f} MB for {int(count):,} files" for count, peak in result["peak_megabytes"].items())
    notes = [f"{result['processes']} processes; {result['host']}", f"peak memory of all processes: {memory}"]
    return markdown.table(["pictures a second", *ways], rows, notes)
