"""Which files of a folder are pictures, and which files and folders other programs leave there."""

from pathlib import Path

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
# macOS's archives, Synology's and QNAP's previews, Windows's recycle bin and index; and what begins with a dot
LEFT_BEHIND = frozenset(
    {"__macosx", "@eadir", "@__thumb", "#recycle", "$recycle.bin", "lost+found", "thumbs.db", "desktop.ini"}
    | {"system volume information", "__pycache__"}
)


def is_left_behind(name: str) -> bool:
    """Whether a file or folder of that name is what a program left there, and not a part of the data."""
    return name.startswith((".", "~$")) or name.lower() in LEFT_BEHIND


def is_picture(path: Path) -> bool:
    """Whether a file's name is that of a picture. The file itself is not looked at."""
    return path.suffix.lower() in SUFFIXES and not is_left_behind(path.name)
