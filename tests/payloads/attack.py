"""The process that runs the commands on the payloads, one after another, as `edgecnn` would run each.

python -m payloads.attack TASKS RESULTS
"""

import contextlib
import io
import json
import os
import sys
import traceback
from pathlib import Path

MARK = "/payload/{}"  # a file that is not there: asking for it tells a trace which command begins


def main() -> None:
    """Run each (folder, arguments) of the file TASKS. Write how each ended, [exit code, stdout, stderr], to RESULTS."""
    from edgecnn.__main__ import _place_caches
    from edgecnn.terminal import adapt_streams

    adapt_streams()
    _place_caches()
    tasks, results = json.loads(Path(sys.argv[1]).read_text()), []
    for number, (folder, arguments) in enumerate(tasks):
        os.chdir(folder)
        mark(number)
        results.append(run(arguments))
    mark("")
    os.chdir("/")
    Path(sys.argv[2]).write_text(json.dumps(results))


def mark(number: int | str) -> None:
    with contextlib.suppress(OSError):
        os.open(MARK.format(number), os.O_RDONLY)


def run(arguments: list[str]) -> tuple[int, str, str]:
    from edgecnn.cli import app
    from edgecnn.terminal import NAME

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", NAME, write_through=True) for _ in range(2))
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            app(arguments, prog_name="edgecnn")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        except BaseException:
            code = 70
            err.write(traceback.format_exc())
    texts = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err)]
    return code, texts[0], texts[1]


if __name__ == "__main__":
    main()
