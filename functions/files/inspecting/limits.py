"""How much an inspection may take, and how much a file may hold.

Invariant: every number is here, and the child is given them by its parent: none has a default elsewhere.
"""

from dataclasses import dataclass

MIB = 1024 * 1024

MAX_PIXELS = 50_000_000
MAX_FRAMES = 500
MAX_ENTRIES = 10_000
"""In an archive and all archives in it, folders included."""
MAX_UNPACKED = 2048 * MIB
"""All that comes out of an archive, and out of the archives in it."""
MAX_RATIO = 200
"""All that comes out, to the size of the archive."""
MAX_DEPTH = 5
"""An archive in an archive has depth 2, as has a tar.gz. A zipped .ear holds a .war, which holds a .jar."""
FREE_UNPACKED = 16 * MIB
"""Below this no ratio counts: a small file of blanks is no bomb."""
MAX_DIRECTORY = 16 * MIB
"""What one read of a ZIP may take: its directory is read at once, before its entries can be counted."""

MEMORY = 1024 * MIB
"""Of address space. 50 million pixels in RGBA are 191 MiB, and a shrinking holds them up to four times."""
FILE_SIZE = 1024 * MIB
CPU_SECONDS = 50
WALL_SECONDS = 60.0
ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one inspection."""

    pixels: int = MAX_PIXELS
    frames: int = MAX_FRAMES
    entries: int = MAX_ENTRIES
    unpacked: int = MAX_UNPACKED
    ratio: int = MAX_RATIO
    free_unpacked: int = FREE_UNPACKED
    depth: int = MAX_DEPTH
    directory: int = MAX_DIRECTORY
    memory: int = MEMORY
    file_size: int = FILE_SIZE
    cpu_seconds: int = CPU_SECONDS
    wall_seconds: float = WALL_SECONDS


LIMITS = Limits()
