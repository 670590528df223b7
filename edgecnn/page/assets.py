"""The page's files, the modules of JavaScript that each of its two forms needs, and what browsers may do for it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("assets")
INDEX, SERVICE, STANDALONE = "index.html", "service.js", "standalone.js"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# What a page may load: its own files, nothing inline, and nothing from another address.
POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
IMPORT = re.compile(r'^import \{ (.+) \} from "\./(\w+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
UNREAD = re.compile(r"^ +|^//.*\n|^\n", re.MULTILINE)  # indentation, comments and empty lines


@dataclass(frozen=True)
class Asset:
    """A file of the page."""

    name: str
    content: bytes

    @property
    def media_type(self) -> str:
        return TYPES[Path(self.name).suffix]

    @property
    def tag(self) -> str:
        """Its entity tag: another one when its content is another."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


@cache
def text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def served() -> Mapping[str, Asset]:
    """The files of the page that a service has, by name."""
    names = (INDEX, "style.css", "icon.svg", *modules(SERVICE))
    return {name: Asset(name, text(name).encode()) for name in names}


def policy(changes: Mapping[str, str]) -> str:
    """The Content-Security-Policy."""
    return "; ".join(f"{name} {value}" for name, value in {**POLICY, **changes}.items())


def modules(name: str) -> list[str]:
    """A module and all that it imports, each after those that it needs."""
    found: dict[str, None] = {}
    for _, needed in IMPORT.findall(text(name)):
        found |= dict.fromkeys(modules(f"{needed}.js"))
    return list(found | {name: None})


@cache
def bundle() -> str:
    """All modules of the page without a server as one, without indentation and comments."""
    return UNREAD.sub("", "".join(map(_scope, modules(STANDALONE))))


def _scope(name: str) -> str:
    """A module as a function, which returns what it exports: names of different modules stay apart."""
    code = IMPORT.sub(r"const { \1 } = \2;", text(name))
    exported = ", ".join(EXPORT.findall(code))
    return f"const {Path(name).stem} = (() => {{\n{EXPORT.sub('', code)}return {{ {exported} }};\n}})();\n"
