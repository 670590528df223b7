"""Pictures that are something else: programs for other programs, links, bombs, and references to other files."""

import pickle
import struct
import zlib
from pathlib import Path

from payloads.catalogue import Build, Place, digit, payload

PREDICT = "predict payload.png --model edge"
REFUSED = "is not a picture that can be read"


class Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.marker), "w")


# What programs that take a picture's format from its content would run, read or fetch.
TEXTS = {
    "postscript_that_writes": "%!PS\n({marker}) (w) file closefile\n",
    "eps_that_runs_ghostscript": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({marker}) (w) file closefile\n",
    "pdf_that_launches": "%PDF-1.4\n1 0 obj<</OpenAction<</S/Launch/F({marker})>>>>endobj\n",
    "svg_with_an_external_entity": '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file://{secret}">]>'
    '<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>',
    "svg_that_fetches": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{address}"/></svg>',
    "msl_that_copies": '<?xml version="1.0"?><image><read filename="{secret}"/><write filename="{marker}"/></image>',
    "mvg_that_reads": "push graphic-context\nimage over 0,0 0,0 'text:{secret}'\npop graphic-context\n",
    "html_that_fetches": '<html><img src="{address}"></html>',
    "xpm_with_a_program": '/* XPM */\nstatic char *x[] = {{"1 1 1 1", "a c `touch {marker}`", "a"}};',
}


def texts() -> None:
    for name, text in TEXTS.items():

        def build(at: Path, place: Place, text: str = text) -> None:
            content = text.format(marker=place.marker, secret=place.secret / "secret.csv", address=place.address)
            (at / "payload.png").write_text(content)

        build.__name__ = name
        payload(PREDICT, says=REFUSED)(build)


def containers() -> None:
    """Formats that Pillow would read, and that are not on the list: some start programs, some read other files."""
    starts = {
        "wmf": b"\xd7\xcd\xc6\x9a" + bytes(60),
        "psd": b"8BPS\0\1" + bytes(60),
        "icns": b"icns" + bytes(60),
        "ole_of_a_flashpix": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000),
        "fits": b"SIMPLE  =                    T" + bytes(100),
        "jpeg_2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
    }
    for name, content in starts.items():

        def build(at: Path, place: Place, content: bytes = content) -> None:
            (at / "payload.png").write_bytes(content)

        build.__name__ = f"a_{name}"
        payload(PREDICT, says=REFUSED)(build)


texts()
containers()


@payload(PREDICT, says=REFUSED)
def a_pickle(at: Path, place: Place) -> None:
    (at / "payload.png").write_bytes(pickle.dumps(Runs(place.marker)))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunk(name: str, kind: bytes, content: bytes) -> Build:
    """A good picture with one more chunk after its header."""

    def build(at: Path, place: Place) -> None:
        whole = digit(at / "payload.png").read_bytes()
        (at / "payload.png").write_bytes(whole[:33] + chunk(kind, content) + whole[33:])

    build.__name__ = name
    return build


XMP = b"XML:com.adobe.xmp\0\0\0\0\0" + b'<!DOCTYPE x [<!ENTITY a "a"><!ENTITY b "&a;&a;">]><x>&b;</x>'
payload(PREDICT, says="1\t", code=0)(with_chunk("xml_with_entities_in_a_png", b"iTXt", XMP))
BOMB = b"Comment\0\0" + zlib.compress(bytes(10**8))
payload(PREDICT, says="payload.png")(with_chunk("a_text_of_100_mb_in_a_png", b"zTXt", BOMB))


@payload(PREDICT, says="payload.png")
def a_png_of_a_terabyte(at: Path, place: Place) -> None:
    header = struct.pack(">IIBBBBB", 2**20, 2**20, 8, 2, 0, 0, 0)
    (at / "payload.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))


@payload(PREDICT, says=REFUSED, looks=True)
def a_link_to_a_secret(at: Path, place: Place) -> None:
    (at / "payload.png").symlink_to(place.secret / "secret.csv")


@payload(PREDICT, says="payload.png")
def a_link_to_an_endless_device(at: Path, place: Place) -> None:
    (at / "payload.png").symlink_to("/dev/zero")


@payload("predict pictures --model edge", says="pictures")
def a_folder_that_leads_into_itself(at: Path, place: Place) -> None:
    (at / "pictures").mkdir()
    (at / "pictures" / "again").symlink_to(at / "pictures")
    (at / "pictures" / "payload.txt").write_text("")


@payload("predict {address} --model edge", "predict seven.png --model {address}", "bench {address}", says="payload")
def an_address_in_place_of_a_file(at: Path, place: Place) -> None:
    digit(at / "seven.png")
