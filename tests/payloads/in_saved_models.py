"""SavedModels that do more than compute: in their operators, their functions, and what is loaded with them."""

from pathlib import Path
from typing import Any

import odd_saved_models as odd
from payloads.catalogue import Place, payload

from edgecnn.training.backend import tensorflow

EXPORT = "export model --out out"
OPERATORS = (
    *("WriteFile", "ReadFile", "MatchingFiles", "PrintV2", "Print", "EagerPyFunc", "PyFunc", "SaveV2", "RestoreV2"),
    *("ImmutableConst", "TextLineReaderV2", "EncodePng", "Timestamp"),
)
HIDDEN = ("branch", "loop", "unused")


def tf() -> Any:
    return tensorflow("a test")


def operators() -> None:
    for name in OPERATORS:

        def build(at: Path, place: Place, name: str = name) -> None:
            effect = odd.effects(tf(), place.marker, str(place.secret / "secret.csv"))[name]
            odd.saved(tf(), at / "model", odd.with_side_effect(tf(), effect))

        build.__name__ = f"the_operator_{name}"
        # Printing needs StringFormat too, and either may come first.
        payload(EXPORT, says="the operator " if name == "PrintV2" else f"the operator {name},")(build)


def hidden() -> None:
    for where in HIDDEN:

        def build(at: Path, place: Place, where: str = where) -> None:
            odd.hidden(tf(), odd.effects(tf(), place.marker)["WriteFile"], at)[where].rename(at / "model")

        build.__name__ = f"an_operator_in_{where}"
        payload(EXPORT, says="the operator WriteFile")(build)


operators()
hidden()


@payload(EXPORT, says="is a link that leads out")
def variables_that_are_a_link(at: Path, place: Place) -> None:
    odd.saved(tf(), at / "model", tf().identity, weight=tf().Variable(1.0))
    index = at / "model" / "variables" / "variables.index"
    index.unlink()
    index.symlink_to(place.secret / "weights.bin")


@payload(EXPORT, says="a file beside the graph")
def a_file_to_be_read_when_it_is_loaded(at: Path, place: Place) -> None:
    asset = tf().saved_model.Asset(str(place.secret / "secret.csv"))
    odd.saved(tf(), at / "model", tf().identity, item=asset)


@payload(EXPORT, says="to be loaded, and a network needs none")
def a_table_of_a_secret_file(at: Path, place: Place) -> None:
    name = str(at / "words.txt")
    Path(name).write_text("a 1\nb 2\n")
    text = tf().lookup.TextFileInitializer(name, tf().string, 0, tf().int64, 1, delimiter=" ")
    odd.saved(tf(), at / "model", tf().identity, item=tf().lookup.StaticHashTable(text, -1))
