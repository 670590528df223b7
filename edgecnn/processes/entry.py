"""The child's side: where a process starts that another one asks. It dies with its parent, and answers its requests.

python -m edgecnn.processes.entry PARENT MODULE [ARGUMENT ...]
"""

import json
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import TextIO

from edgecnn.errors import EdgecnnError
from edgecnn.processes.parent import die_with


def main() -> None:
    """Run the `main` of a module. It finds the module's arguments in sys.argv[1:]."""
    _, parent, module, *arguments = sys.argv
    die_with(int(parent))  # first of all: what the module imports takes long
    sys.argv = [module, *arguments]
    import_module(module).main()


def serve(server: object) -> None:
    """Answer the requests on stdin until it ends. What a library prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    answer(server, sys.stdin, answers)


def answer(server: object, requests: Iterable[str], answers: TextIO) -> None:
    """Answer each request, a line of JSON, by the method of `server` that it names.

    An EdgecnnError is sent as the answer; any other error ends the process.
    """
    for line in requests:
        request = json.loads(line)
        try:
            reply = {"answer": getattr(server, request.pop("do"))(**request)}
        except EdgecnnError as error:
            reply = {"error": str(error), "kind": type(error).__name__}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
