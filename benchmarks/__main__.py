"""Runs a benchmark program: python -m benchmarks NAME [ARGUMENTS]. Without a NAME, it lists the programs."""

import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
FOLDERS = (".", "models", "accuracy", "latency", "devices")


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case [] | ["-h" | "--help"]:
            print(listing())
        case [name, *rest]:
            run(name, rest)


def run(name: str, arguments: Sequence[str]) -> None:
    if name not in (found := programs()):
        print(f"error: there is no program {name!r}: choose one of these\n\n{listing()}", file=sys.stderr)
        sys.exit(2)
    if {"-h", "--help"} & set(arguments):
        print(f"python -m benchmarks {name}\n\n{docstring(found[name])}")
        return
    importlib.import_module(module_name(found[name])).main(arguments)


def programs() -> dict[str, Path]:
    """The program files, by the program's name. They are those with a `main`; none is imported."""
    files = [path for folder in FOLDERS for path in sorted((HERE / folder).glob("*.py"))]
    return {path.stem.replace("_", "-"): path for path in files if not path.stem.startswith("_") and has_main(path)}


def has_main(path: Path) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in parsed(path).body)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(HERE.parent).with_suffix("").parts)


def docstring(path: Path) -> str:
    return ast.get_docstring(parsed(path)) or ""


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def listing() -> str:
    """Every program and the first line of its help."""
    first = {name: docstring(path).partition("\n")[0] for name, path in programs().items()}
    width = max(map(len, first))
    lines = [f"  {name:{width}}  {line}" for name, line in first.items()]
    usage = "python -m benchmarks NAME [ARGUMENTS]. For help on a program: python -m benchmarks NAME --help"
    return "\n".join([usage, "", *lines])


if __name__ == "__main__":
    main(sys.argv[1:])
