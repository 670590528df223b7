"""Check that the file that edgecnn tune chooses is not slower than another one of its network

For each shipped network, tune chooses. Then fresh processes time all of its files side by side: the chosen file holds
if the interval of another file's time over its own does not lie below 1. It is told beside it what the rules choose,
which count until tune has run. Writes benchmarks/results/tune.json. Takes three minutes. Close other programs first.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.lib import paths
from benchmarks.lib.results import replace_row
from edgecnn.bench.stats import ratio
from edgecnn.folder import shipped
from edgecnn.host.machine import this_host
from edgecnn.runtime.variants import choose
from edgecnn.tuning import tune

RESULTS = paths.RESULTS / "tune.json"
PROCESSES = 20  # for each network: a process's place in memory changes its times
ROUNDS = 20  # in each process, of 20 ms for each file
TIMES = """\
import json, sys
from pathlib import Path
from edgecnn.tuning import time_once
print(json.dumps(time_once([Path(name) for name in sys.argv[2:]], int(sys.argv[1]))))
"""


def main(_: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # so that no earlier verdict counts, and none stays
        for name in shipped():
            record(name)


def record(name: str) -> None:
    """Tune one network, check the choice, and store both."""
    by_rule = choose(name)
    tuned = tune(name)
    chosen, others = tuned.choice.path, tuned.choice.others
    times = checked([chosen, *others])
    rows = [compared(other, times[other], times[chosen]) for other in others]
    host = this_host()
    row = {
        "network": name,
        "host": str(host),
        "onnxruntime": host.versions["onnxruntime"],
        "chosen": chosen.name,
        "by_rule": by_rule.path.name,
        "holds": all(found["holds"] for found in rows),
        "others": rows,
        "chosen_us": times[chosen],
    }
    keys = ("host", "network", "onnxruntime")
    replace_row(RESULTS, "networks", row, keys, lambda kept: [kept[key] for key in keys])
    print(f"{name}: {chosen.name} ({'holds' if row['holds'] else 'IS SLOWER'}); by rule {by_rule.path.name}")


def checked(files: Sequence[Path]) -> dict[Path, list[float]]:
    """The time of each file in microseconds in each process; the processes open the files in turning order."""
    times: dict[Path, list[float]] = {path: [] for path in files}
    for number in range(PROCESSES):
        order = [files[(number + step) % len(files)] for step in range(len(files))]
        command = [sys.executable, "-c", TIMES, str(ROUNDS), *map(str, order)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        for path, found in zip(order, json.loads(done.stdout), strict=True):
            times[path].append(found)
    return times


def compared(path: Path, its_us: Sequence[float], chosen_us: Sequence[float]) -> dict[str, Any]:
    """How many times as long another file takes as the chosen one, with its interval."""
    found = ratio(its_us, chosen_us)
    assert found.high is not None
    print(f"  {path.name}: {found.value:.3f} ({found.low:.3f} to {found.high:.3f}) times as long as the chosen file")
    interval = {"times_as_long": found.value, "low": found.low, "high": found.high}
    return {"file": path.name, **interval, "holds": found.high >= 1, "us": list(its_us)}
