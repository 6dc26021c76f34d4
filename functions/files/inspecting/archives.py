"""Archives, in the child: unpacked to nowhere, and counted.

Invariant: what is not refused unpacks, with all archives in it that begin with their signature, to no more
than the limits, counted as it came out, whatever sizes it declares; and every entry is a file or a folder
whose name stays below the place it is unpacked to. 7z, RAR and ZIPs with something before them are not looked
into where they lie in an archive: they count as the bytes they are.
"""

import bz2
import errno
import gzip
import io
import lzma
import re
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Buffer, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from functions.files.inspecting.answers import ArchiveKind, Refused
from functions.files.inspecting.limits import MIB, Limits

_PIECE = 64 * 1024
# zipfile unpacks what it reads of these methods at once: 4 KiB of bzip2 can be 80 MiB already.
_GREEDY_PIECE = 4 * 1024
_GREEDY = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_IN_MEMORY = 32 * MIB
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_SIGNATURES: dict[ArchiveKind, re.Pattern[bytes]] = {
    "zip": re.compile(rb"PK\x03\x04"),
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9]\x31\x41\x59\x26\x53\x59"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "tar": re.compile(rb".{257}ustar", re.DOTALL),
}
_HEAD = 512
_ENDLESS = 1 << 62
# What the parsers raise on bytes they do not understand. RuntimeError: also of a recursion without end.
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    ArithmeticError,
    RuntimeError,
)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(slots=True)
class _Budget:
    """What an archive may still unpack, with all that is in it."""

    limits: Limits
    left: int
    entries_left: int
    depth: int = 0

    @classmethod
    def of(cls, size: int, limits: Limits) -> "_Budget":
        most = min(limits.unpacked, max(limits.free_unpacked, limits.ratio * size))
        return cls(limits, most, limits.entries)

    def spend(self, count: int) -> None:
        self.left -= count
        self.allow(0)

    def allow(self, declared: int) -> None:
        if declared > self.left:
            raise Refused("archive_too_large", "bytes")

    def entry(self) -> None:
        self.entries_left -= 1
        if self.entries_left < 0:
            raise Refused("archive_too_large", "entries")


class _Counted(io.RawIOBase):
    """A stream of which every byte is counted as it comes out."""

    def __init__(self, inner: _Readable, budget: _Budget) -> None:
        self._inner, self._budget = inner, budget
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        data = self._inner.read(len(view))
        self.count += len(data)
        self._budget.spend(len(data))
        view[: len(data)] = data
        return len(data)


class _Sparing:
    """A file for zipfile that refuses to be read in one large piece: a directory of a million entries."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._most = file, most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        # Without a size it is for the last 64 KiB, where the directory is told.
        data = self._file.read(size if 0 <= size <= self._most else self._most + 1)
        if len(data) > self._most:
            raise Refused("archive_too_large", "directory")
        return data


def inspect(path: str, kind: ArchiveKind, limits: Limits) -> None:
    """Unpack all of an archive. Raises Refused."""
    with Path(path).open("rb") as file:
        budget = _Budget.of(file.seek(0, io.SEEK_END), limits)
        file.seek(0)
        try:
            counted = io.BufferedReader(_Counted(file, budget), _PIECE)
            _archive(counted if kind == "tar" else file, kind, budget)
        except _BROKEN as error:
            raise _judged(error) from error


def _judged(error: Exception) -> Exception:
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return Refused("archive_too_large", "a ZIP in it")
    if isinstance(error, OSError) and error.errno is not None:
        return error  # of the system, not of the archive: a disk that is full
    # The only thing by which zipfile tells this from its other troubles.
    if isinstance(error, zipfile.BadZipFile) and str(error).startswith("Overlapped entries"):
        return Refused("archive_unsafe", "entries that overlap")
    return Refused("archive_broken", type(error).__name__)


def _archive(file: IO[bytes], kind: ArchiveKind, budget: _Budget) -> None:
    """Unpack an archive. A ZIP must lie in a file that can seek; a tar's bytes are counted by its owner."""
    budget.depth += 1
    if budget.depth > budget.limits.depth:
        raise Refused("archive_unsafe", "archives in archives")
    if kind == "zip":
        _zip(file, budget)
    elif kind == "tar":
        _tar(file, budget)
    else:
        budget.entry()
        _inside(io.BufferedReader(_Counted(_STREAMS[kind](file), budget), _PIECE), budget)
    budget.depth -= 1


_STREAMS: dict[ArchiveKind, Callable[[IO[bytes]], _Readable]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}


def _inside(stream: io.BufferedReader, budget: _Budget) -> None:
    """Read what came out of an archive to its end, and look into it if it is one itself."""
    head = stream.peek(_HEAD)[:_HEAD]
    kind = next((kind for kind, begin in _SIGNATURES.items() if begin.match(head)), None)
    if kind == "zip":
        _zip_within(stream, budget)
    elif kind is not None:
        _archive(stream, kind, budget)
    _drain(stream)


def _drain(stream: _Readable) -> bool:
    """Read to the end. Whether all of it was zeros."""
    blank = True
    while piece := stream.read(_PIECE):
        blank = blank and not piece.strip(b"\0")
    return blank


def _zip_within(stream: _Readable, budget: _Budget) -> None:
    """A ZIP is read from its end, so it must lie somewhere: all other kinds are read as they come."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        while piece := stream.read(_PIECE):
            spool.write(piece)
        spool.seek(0)
        _archive(spool, "zip", budget)


def _zip(file: IO[bytes], budget: _Budget) -> None:
    with zipfile.ZipFile(_Sparing(file, budget.limits.directory)) as archive:
        entries = archive.infolist()
        for entry in entries:
            budget.entry()
            _check_zip_entry(entry)
        budget.allow(sum(entry.file_size for entry in entries))
        for entry in entries:
            _unpack(archive, entry, budget)


def _check_zip_entry(entry: zipfile.ZipInfo) -> None:
    _check_name(entry.orig_filename)  # filename ends before a NUL
    if entry.flag_bits & _ENCRYPTED:
        raise Refused("archive_unsafe", "encrypted")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused("archive_unsafe", "a link or a device")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: _Budget) -> None:
    # zipfile stops at the declared size, other programs do not: let it go on to the end of the stream.
    declared, entry.file_size = entry.file_size, _ENDLESS
    with archive.open(entry) as stream:
        raw = _Counted(stream, budget)
        piece = _GREEDY_PIECE if entry.compress_type in _GREEDY else _PIECE
        _inside(io.BufferedReader(raw, piece), budget)
    if raw.count != declared:
        raise Refused("archive_unsafe", "a size that is not the declared one")


def _tar(stream: IO[bytes], budget: _Budget) -> None:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        expanded = 0
        while member := archive.next():
            budget.entry()
            _check_member(member)
            if member.issparse():  # takes more room than it has bytes
                expanded += member.size
                budget.allow(expanded)
            elif content := archive.extractfile(member):
                _inside(io.BufferedReader(cast("io.RawIOBase", content)), budget)
        rest = cast("IO[bytes]", archive.fileobj)
        # tarfile ends in silence at a header that it cannot read, and at the end of a stream.
        if not _drain(rest) or rest.tell() < archive.offset:
            raise Refused("archive_broken", "ends early, or not where it says")


def _check_member(member: tarfile.TarInfo) -> None:
    _check_name(member.name)
    if not (member.isreg() or member.isdir()):
        raise Refused("archive_unsafe", "a link or a device")


def _check_name(name: str) -> None:
    parts = re.split(r"[/\\]", name)
    # A drive's letter, or a stream of NTFS: on Windows no name below where it is unpacked.
    outside = not parts[0] or ".." in parts or re.match("[A-Za-z]:", name)
    if outside or "\0" in name:
        raise Refused("archive_unsafe", "a name that leads elsewhere")
