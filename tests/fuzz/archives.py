"""Damages ZIP archives (`.npz`, `.keras`, checkpoints) member by member, and the headers of the arrays in them."""

import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from random import Random

from fuzz.mutation import BYTES, EDGES, Mutator, mutate
from fuzz.trees import mutate_json

Members = dict[str, bytes]
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
CENTRAL = b"PK\x01\x02"  # what an entry of the archive's own list starts with
# The positions and sizes of that entry's flags, method, check sum, sizes, name, place: APPNOTE.TXT, section 4.3.12
ENTRY_FIELDS = ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (42, 4))
NAMES = ("../outside.npy", "/outside.npy", "a/../../outside", "state.npy", "config.json", "x" * 3000, "\x1b[2J.npy", "")
DESCRIPTIONS = (
    *("{}", "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", "(" * 500, "0", "__import__('os')"),
    *("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }", "{'descr': [], 'shape': 1}"),
    *("{'descr': '|u1', 'fortran_order': True, 'shape': (-1, 28, 28), }", "{'descr': '<M8', 'shape': ()}"),
    *("{'descr': '<U3', 'fortran_order': False, 'shape': (60, 28, 28), }", "{'descr': '|V784', 'shape': (60,)}"),
    *("{'descr': '<c16', 'fortran_order': False, 'shape': (0, 0, 0), }", "{'descr': '>f2', 'shape': (1,)}"),
)


def mutate_zip(content: bytes, random: Random) -> bytes:
    """An archive with a member changed, renamed, removed, added or compressed otherwise, or with a false entry."""
    try:
        members = unpack(content)
    except Exception:  # an archive damaged before
        return mutate(content, BYTES, random)
    if not members or random.random() < 0.2:
        return _mutate_entry(content, random)
    name = random.choice(list(members))
    match random.randrange(8):
        case 0:
            del members[name]
        case 1:
            members[random.choice(NAMES)] = members.pop(name)
        case 2:
            members[random.choice(NAMES)] = members[name]
        case _:
            members[name] = mutate(members[name], mutators_of(name), random)
    return pack(members, random.choice(METHODS))


def mutators_of(name: str) -> tuple[Mutator, ...]:
    """What suits a member of that name."""
    found: Mapping[str, tuple[Mutator, ...]] = {".npy": (mutate_array, mutate_array, *BYTES), ".json": (mutate_json,)}
    return found.get(name[name.rfind(".") :], BYTES)


def mutate_array(content: bytes, random: Random) -> bytes:
    """A `.npy` file with another description of its array."""
    if content[:6] != b"\x93NUMPY" or len(content) < 12:
        return mutate(content, BYTES, random)
    end = 10 + int.from_bytes(content[8:10], "little")
    description, values = content[10:end], content[end:]
    change: Callable[[], bytes] = random.choice(
        (
            lambda: random.choice(DESCRIPTIONS).encode() + b"\n",
            lambda: mutate(description, BYTES, random)[:60_000],
            lambda: description.replace(b"|u1", random.choice((b"|O", b"<f4", b"<f8", b"|b1", b"<i8", b"|S1"))),
            lambda: description.replace(b"(", b"(" + str(random.choice(EDGES)).encode() + b", "),
        )
    )
    new = change()
    return content[:8] + struct.pack("<H", len(new)) + new + values


def _mutate_entry(content: bytes, random: Random) -> bytes:
    """The archive with a false number in its own list of members."""
    starts = [at for at in range(len(content)) if content.startswith(CENTRAL, at)] if len(content) < 2**17 else []
    if not starts:
        return mutate(content, BYTES, random)
    at, size = random.choice(list(ENTRY_FIELDS))
    at += random.choice(starts)
    number = random.choice((*EDGES, random.randrange(256))) % 256**size
    return content[:at] + int(number).to_bytes(size, "little") + content[at + size :]


def unpack(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """The archive of these members; the same members always give the same bytes."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")  # of two members with one name
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()
