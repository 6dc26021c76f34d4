"""What an inspection can say: the words that parent and child share.

Invariant: a file that was not refused was looked at to its end, as far as `images` and `archives` say.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

type ArchiveKind = Literal["zip", "gzip", "bzip2", "xz", "tar"]
"""Office documents, JAR and EPUB are zip; a tar.gz is gzip, and its tar is found in it."""

type ImageFormat = Literal["PNG", "JPEG", "WEBP", "GIF"]

type Reason = Literal[
    "image_too_large",
    "image_broken",
    "archive_too_large",
    "archive_unsafe",
    "archive_broken",
    "inspection_timed_out",
    "inspection_failed",
]


class Refused(Exception):
    """The file must not be used. The reason is stable; the detail is for a log and may change."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image, as it is shown: width and height after the turn that its EXIF asks for."""

    width: int
    height: int
    format: ImageFormat


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A WebP that fits into a square of `size`."""

    path: Path
    size: int
    width: int
    height: int
