"""The one error tree. Every message says what was wrong, with which file or value, and what to do next.

    EdgecnnError                 anything its user can act on; the CLI prints it in one line and exits with 1
    ├── UsageError               what was asked for does not exist or does nothing; the CLI exits with 2
    │   └── RecipeError          no recipe has that name
    ├── MissingDependencyError   an optional package is not installed; the message holds the pip command
    ├── DataError                a data set cannot be read, or does not suit what is asked of it
    │   └── DataNotHere          the data that a model was trained with is not on this machine
    ├── ImageError               a picture cannot be read
    ├── ModelError               a model file is missing, damaged, unsafe or of another form
    │   └── InputError           images were handed to a model that takes others
    ├── TrainingError            training cannot start, or cannot be resumed
    │   ├── TrainingDiverged     the loss is not a number; the model of the last good epoch is kept
    │   └── TrainingInterrupted  stopped by Ctrl-C; the last complete epoch is kept
    ├── ExportError              a model cannot be converted or quantized
    │   └── VerificationError    the converted model does not do what the original does
    ├── BenchError               a bench cannot be run, or a contender failed while it was measured
    └── OutputError              a file or folder cannot be written

A name is a word such as `edge`: of a recipe, a model, a runtime, a scenario, a contender, a figure. A name that nothing
has is a UsageError. A path is anything with a folder or a suffix, such as `models/edge` or `edge.onnx`, and whatever
stands where only a path can, such as `--data`; a path to nothing is the error of what it should have led to.

Whatever is not in this tree is a bug and keeps its traceback, but for what the machine refuses: a full disk, a folder
that is gone. `refusal` tells which errors those are.
"""

import errno
import os

REFUSALS = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
        *(errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP),
        *(errno.EAGAIN, errno.EBUSY, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ETIMEDOUT),
    }
)


class EdgecnnError(Exception):
    """What its user can act on."""


class UsageError(EdgecnnError):
    """What was asked for does not exist or does nothing: the caller's words are wrong, not the machine or the files."""


class RecipeError(UsageError):
    """No recipe has that name."""


class MissingDependencyError(EdgecnnError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}, which is not installed: pip install 'edgecnn[{extra}]'")


class DataError(EdgecnnError):
    """A data set cannot be read, or does not suit what is asked of it."""


class DataNotHere(DataError):  # noqa: N818 (named for what is the case, as its neighbors)
    """The data that a model was trained with is not on this machine."""


class ImageError(EdgecnnError):
    """A picture cannot be read."""


class ModelError(EdgecnnError):
    """A model file is missing, damaged, unsafe or of another form."""


class InputError(ModelError):
    """Images were handed to a model that takes others."""


class TrainingError(EdgecnnError):
    """Training cannot start, or cannot be resumed."""


class TrainingDiverged(TrainingError):  # noqa: N818 (named for what happened, as its neighbor)
    """The loss is not a number; the model of the last good epoch is kept."""


class TrainingInterrupted(TrainingError):  # noqa: N818 (not a fault)
    """Stopped by Ctrl-C; the last complete epoch is kept."""


class ExportError(EdgecnnError):
    """A model cannot be converted or quantized."""


class VerificationError(ExportError):
    """The converted model does not do what the original does."""


class BenchError(EdgecnnError):
    """A bench cannot be run, or a contender failed while it was measured."""


class OutputError(EdgecnnError):
    """A file or folder cannot be written."""


def refusal(error: OSError | MemoryError) -> str | None:
    """What to tell of an error that comes from the machine, and what to do; None if it comes from a bug."""
    if isinstance(error, MemoryError):
        return "there is not enough memory: close other programs, or use a larger machine"
    if error.errno not in REFUSALS:
        return None
    if error.errno == errno.ENOENT and not _is_somewhere():
        return "the working folder has been deleted: change to another one"
    name = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return f"{name}{error.strerror}; check the path, its permissions and the free space"


def _is_somewhere() -> bool:
    try:
        return bool(os.getcwd())  # noqa: PTH109 (the same)
    except OSError:
        return False
