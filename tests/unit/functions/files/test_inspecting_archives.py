"""Archives: bombs of all kinds are refused, and names and links that lead elsewhere; honest ones are not."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from functions.files.inspecting.answers import ArchiveKind, Refused
from functions.files.inspecting.limits import LIMITS, MIB, Limits
from functions.files.inspecting.parent import inspect_archive

ZEROS = bytes(43 * MIB)
CENTRAL, LOCAL = struct.Struct("<4s4B4HL2L5H2L"), struct.Struct("<4s2B4HL2L2H")
ENDING = struct.Struct("<4s4H2LH")


async def refused(folder: Path, data: bytes, kind: ArchiveKind, limits: Limits = LIMITS) -> str:
    path = folder / "archive"
    path.write_bytes(data)
    with pytest.raises(Refused) as error:
        await inspect_archive(path, kind, limits)
    return str(error.value)


async def accepted(folder: Path, data: bytes, kind: ArchiveKind, limits: Limits = LIMITS) -> None:
    path = folder / "archive"
    path.write_bytes(data)
    await inspect_archive(path, kind, limits)


def zipped(
    *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data, method)
    return out.getvalue()


def tarred(*entries: tuple[str | tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]  # modes as plain text
        for name, data in entries:
            member = tarfile.TarInfo(name) if isinstance(name, str) else name
            member.size = member.size or len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def by_hand(entries: Iterable[tuple[bytes, int, int, int, int]], body: bytes) -> bytes:
    """A ZIP of given bytes; its directory holds (name, offset, packed, unpacked, CRC) of deflated entries."""
    central = b"".join(
        CENTRAL.pack(
            *(b"PK\x01\x02", 20, 3, 20, 0, 0, 8, 0, 0x21, crc, packed, size),
            *(len(name), 0, 0, 0, 0, 0, offset),
        )
        + name
        for name, offset, packed, size, crc in entries
    )
    count = len(list(entries))
    return (
        body + central + ENDING.pack(b"PK\x05\x06", 0, 0, count, count, len(central), len(body), 0)
    )


def local(name: bytes, packed: int, size: int, crc: int) -> bytes:
    return LOCAL.pack(b"PK\x03\x04", 20, 0, 0, 8, 0, 0x21, crc, packed, size, len(name), 0) + name


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(data) + packer.flush()


HONEST = b"An honest text. " * 1000


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
async def test_an_honest_zip_is_accepted(tmp_path: Path, method: int) -> None:
    inner = zipped(("word/document.xml", HONEST))
    data = zipped(("folder/", b""), ("folder/ä..b.txt", HONEST), ("a.docx", inner), method=method)
    await accepted(tmp_path, data, "zip")
    await accepted(tmp_path, zipped(), "zip")


async def test_honest_streams_and_tars_are_accepted(tmp_path: Path) -> None:
    for data in (HONEST, b"", tarred(("a/b", HONEST), ("c.zip", zipped(("d", HONEST)))), tarred()):
        await accepted(tmp_path, gzip.compress(data), "gzip")
        await accepted(tmp_path, bz2.compress(data), "bzip2")
        await accepted(tmp_path, lzma.compress(data), "xz")
        if data not in (HONEST, b""):
            await accepted(tmp_path, data, "tar")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
async def test_a_zip_of_zeros_is_too_large(tmp_path: Path, method: int) -> None:
    data = zipped(("zeros", ZEROS), method=method)
    assert len(data) < 50_000
    assert await refused(tmp_path, data, "zip") == "archive_too_large: bytes"


async def test_a_stream_of_zeros_is_too_large(tmp_path: Path) -> None:
    tar = tarred(("zeros", ZEROS))
    for data in (ZEROS, tar):
        assert "archive_too_large: bytes" in await refused(tmp_path, gzip.compress(data), "gzip")
        assert "archive_too_large: bytes" in await refused(tmp_path, bz2.compress(data), "bzip2")
        assert "archive_too_large: bytes" in await refused(tmp_path, lzma.compress(data), "xz")
    small = replace(LIMITS, unpacked=20 * MIB)
    assert "archive_too_large: bytes" in await refused(tmp_path, tar, "tar", small)
    # Members in a row: as one, for whoever unpacks it.
    assert "archive_too_large: bytes" in await refused(
        tmp_path, gzip.compress(ZEROS[:MIB]) * 30, "gzip"
    )


async def test_a_sparse_tar_is_as_large_as_it_becomes(tmp_path: Path) -> None:
    member = tarfile.TarInfo("sparse")
    member.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.name": "sparse",
        "GNU.sparse.size": str(1 << 40),
        "GNU.sparse.numblocks": "1",
        "GNU.sparse.map": "0,1",
    }
    assert "archive_too_large: bytes" in await refused(tmp_path, tarred((member, b"x")), "tar")


async def test_archives_in_archives_are_counted_together(tmp_path: Path) -> None:
    """As 42.zip: each layer alone is harmless."""
    data = zipped(*((str(n), ZEROS[: 2 * MIB]) for n in range(4)))
    for _ in range(2):
        data = zipped(*((f"{n}.zip", data) for n in range(4)))
    assert len(data) < 20_000
    assert "archive_too_large: bytes" in await refused(tmp_path, data, "zip")
    tar = gzip.compress(tarred(("zip", data)))
    assert "archive_too_large: bytes" in await refused(tmp_path, tar, "gzip")


async def test_archives_in_archives_have_an_end(tmp_path: Path) -> None:
    data = HONEST
    for _ in range(LIMITS.depth):
        data = zipped(("next", data))
    await accepted(tmp_path, data, "zip")
    assert "archive_unsafe" in await refused(tmp_path, zipped(("next", data)), "zip")
    for _ in range(LIMITS.depth + 1):
        data = tarred(("next", data))
    assert "archive_unsafe" in await refused(tmp_path, data, "tar")


async def test_the_rules_hold_within(tmp_path: Path) -> None:
    bad = zipped(("../up", b""))
    assert "archive_unsafe" in await refused(tmp_path, zipped(("a.zip", bad)), "zip")
    assert "archive_unsafe" in await refused(tmp_path, tarred(("a.zip", bad)), "tar")


async def test_entries_are_counted(tmp_path: Path) -> None:
    few = replace(LIMITS, entries=10)
    eleven = [(str(n), b"") for n in range(11)]
    for data, kind in ((zipped(*eleven), "zip"), (tarred(*eleven), "tar")):
        assert "archive_too_large: entries" in await refused(tmp_path, data, kind, few)  # type: ignore[arg-type]  # both are kinds
    within = zipped(*((f"{n}.zip", zipped(*eleven[:4])) for n in range(3)))
    assert "archive_too_large: entries" in await refused(tmp_path, within, "zip", few)
    name = b"x" * 300
    begin = local(name, 2, 0, 0) + deflated(b"")
    many = by_hand([(name, 0, 2, 0, 0)] * 60_000, begin)
    assert "archive_too_large: directory" in await refused(tmp_path, many, "zip")


async def test_a_size_that_lies_does_not_hide_what_comes_out(tmp_path: Path) -> None:
    packed, crc = deflated(ZEROS), zlib.crc32(ZEROS)
    # The check sum of all of it, or of the part that was declared: zipfile alone would take the second.
    for check in (crc, zlib.crc32(b"\0")):
        data = by_hand(
            [(b"a", 0, len(packed), 1, check)], local(b"a", len(packed), 1, check) + packed
        )
        assert "archive_too_large: bytes" in await refused(tmp_path, data, "zip")
    small = deflated(b"some")
    for size, check, answer in (
        (1, zlib.crc32(b"some"), "archive_unsafe"),
        (1, zlib.crc32(b"s"), "archive_broken"),
        (9, zlib.crc32(b"some"), "archive_unsafe"),
    ):
        data = by_hand(
            [(b"a", 0, len(small), size, check)], local(b"a", len(small), size, check) + small
        )
        assert answer in await refused(tmp_path, data, "zip")
    data = by_hand([(b"a", 0, 9, 1 << 31, 0)], local(b"a", 9, 1 << 31, 0) + b"\0" * 9)
    assert "archive_too_large: bytes" in await refused(tmp_path, data, "zip")


async def test_entries_that_share_their_bytes_are_unsafe(tmp_path: Path) -> None:
    """After David Fifield, "A better zip bomb": an entry twice, and one that quotes the next's header."""
    kernel, crc = deflated(HONEST), zlib.crc32(HONEST)
    size = len(HONEST)
    one = local(b"b", len(kernel), size, crc) + kernel
    data = by_hand([(b"b", 0, len(kernel), size, crc)] * 2, one)
    assert await refused(tmp_path, data, "zip") == "archive_unsafe: entries that overlap"

    header = one[: len(one) - len(kernel)]
    quote = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF) + header
    whole = zlib.crc32(header + HONEST)
    first = (len(quote) + len(kernel), len(header) + size, whole)
    assert zlib.decompress(quote + kernel, wbits=-15) == header + HONEST
    body = local(b"a", *first) + quote[:5] + one
    entries = [(b"a", 0, *first), (b"b", len(body) - len(one), len(kernel), size, crc)]
    assert (
        await refused(tmp_path, by_hand(entries, body), "zip")
        == "archive_unsafe: entries that overlap"
    )


@pytest.mark.parametrize(
    "name",
    ["../a", "a/../../b", "/etc/passwd", "..\\a", "a\\..\\b", "\\\\host\\a", "C:\\a", "c:a", ".."],
)
async def test_names_that_lead_elsewhere_are_unsafe(tmp_path: Path, name: str) -> None:
    assert "archive_unsafe" in await refused(tmp_path, zipped((name, b"")), "zip")
    assert "archive_unsafe" in await refused(tmp_path, tarred((name, b"")), "tar")


async def test_a_nul_in_a_name_is_unsafe(tmp_path: Path) -> None:
    name, data = b"a.txt\0.exe", deflated(b"")
    made = by_hand([(name, 0, len(data), 0, 0)], local(name, len(data), 0, 0) + data)
    assert "archive_unsafe" in await refused(tmp_path, made, "zip")


async def test_links_and_devices_are_unsafe(tmp_path: Path) -> None:
    for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO):
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (kind | 0o777) << 16
        assert "archive_unsafe" in await refused(tmp_path, zipped((entry, b"/etc/passwd")), "zip")
    for tar_kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tar_kind, "/etc/passwd"
        data = tarred((member, b""))
        assert "archive_unsafe" in await refused(tmp_path, data, "tar")
        assert "archive_unsafe" in await refused(tmp_path, gzip.compress(data), "gzip")


async def test_what_is_encrypted_is_unsafe(tmp_path: Path) -> None:
    data = bytearray(zipped(("a", HONEST)))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "archive_unsafe" in await refused(tmp_path, bytes(data), "zip")


async def test_what_is_cut_off_or_wrong_is_broken(tmp_path: Path) -> None:
    tar = tarred(("a", HONEST), ("b", HONEST))
    whole: list[tuple[bytes, ArchiveKind]] = [
        (zipped(("a", HONEST)), "zip"),
        (gzip.compress(HONEST), "gzip"),
        (bz2.compress(HONEST), "bzip2"),
        (lzma.compress(HONEST), "xz"),
        (tar[:30_000], "tar"),
    ]
    for data, kind in whole:
        assert "archive_broken" in await refused(tmp_path, data[: len(data) // 2], kind)
        assert "archive_broken" in await refused(tmp_path, b"no archive at all", kind)
        assert "archive_broken" in await refused(tmp_path, data[:40] + b"!!!!" + data[44:], kind)
    hidden = tar[: 512 + 16_384] + b"!" * 512 + tar[512 + 16_384 + 512 :]
    assert "archive_broken" in await refused(tmp_path, hidden, "tar")
    assert "archive_broken" in await refused(tmp_path, gzip.compress(HONEST) + b"more", "gzip")


async def test_time_has_a_limit(tmp_path: Path) -> None:
    endless = replace(LIMITS, cpu_seconds=1, unpacked=1 << 50, ratio=1 << 20)
    slow = bz2.compress(ZEROS) * 400
    assert "inspection_timed_out: used up" in await refused(tmp_path, slow, "bzip2", endless)


async def test_a_file_on_disk_has_a_limit(tmp_path: Path) -> None:
    """A ZIP within is laid down to be read, above 32 MiB on the disk."""
    inner = zipped(("zeros", ZEROS), method=zipfile.ZIP_STORED)
    data = zipped(("a.zip", inner), method=zipfile.ZIP_STORED)
    await accepted(tmp_path, data, "zip")
    tight = replace(LIMITS, file_size=34 * MIB)
    assert "archive_too_large: a ZIP in it" in await refused(tmp_path, data, "zip", tight)
