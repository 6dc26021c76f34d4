"""What a file is called: the rule for it, how it is compared, and how a download announces it.

Invariant: a name is one visible part of a path on every system that people download to, it cannot disguise
itself, and nothing made of it here can leave its place in a header or in the key of a row.
Reserved names are those of Microsoft's "Naming Files, Paths, and Namespaces"; headers are RFC 6266 and 8187.
"""

import re
import unicodedata
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field

from shared_code.text import digest, misleads, seen

MAX_FILE_NAME_LENGTH = 255
MAX_KEY_BYTES = 400
"""Of UTF-16, as Azure counts the 1 KiB that a RowKey may have: the rest is for what stands around it."""

_MAX_RAW_LENGTH = 4 * MAX_FILE_NAME_LENGTH
_DIGEST_LENGTH = 32
# Windows takes these for devices, whatever follows their first dot, colon or space before it.
_DEVICE = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*([.:].*)?", re.IGNORECASE | re.DOTALL
)
# Blank letters and marks that no category tells: of Unicode's Default_Ignorable_Code_Point, and Braille's.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# What Azure forbids in a RowKey; NFKC turns the wide ones back, so that a key of a key is the same key.
_WIDE = str.maketrans("/\\#?", "\uff0f\uff3c\uff03\uff1f")
_ATTR_CHARS = "!#$&+-.^_`|~"
_UNQUOTABLE = re.compile(r'[^ -~]|["\\%/]')
# "archive.tar.gz" has one ending; something long or with spaces after a dot is none.
_PARTS = re.compile(r"(.+?)((?:\.tar)?\.[^.\s]{1,16})?", re.IGNORECASE | re.DOTALL)


def _file_name(raw: str) -> str:
    name = unicodedata.normalize("NFC", raw).strip()
    if not 1 <= len(name) <= MAX_FILE_NAME_LENGTH:
        raise ValueError(f"must have 1 to {MAX_FILE_NAME_LENGTH} characters")
    if misleads(name):
        raise ValueError("must not hold control characters or marks that turn the text")
    if "/" in name or "\\" in name:
        raise ValueError("must not hold a slash or a backslash")
    if name.endswith("."):  # so neither . nor .. is a name; Windows would drop the dot
        raise ValueError("must not end with a dot")
    if _DEVICE.fullmatch(name):
        raise ValueError("must not be a name that Windows reserves for a device")
    seen(_BLANK.sub("", name))
    return name


type FileName = Annotated[str, Field(max_length=_MAX_RAW_LENGTH), AfterValidator(_file_name)]


def search_key(name: str) -> str:
    """What names are searched, sorted and held apart by: alike for all that looks or reads the same.

    It may stand in a RowKey. One that would be too long keeps its beginning and ends with a digest of all of
    it, so that two long names stay two; what is after the beginning cannot be searched.
    """
    key = _folded(name).translate(_WIDE)
    if _utf16_bytes(key) <= MAX_KEY_BYTES:
        return key
    ending = "~" + digest(key)[:_DIGEST_LENGTH]
    begin = key.encode("utf-16-le")[: MAX_KEY_BYTES - _utf16_bytes(ending)]
    return begin.decode("utf-16-le", "ignore") + ending  # ignore: half a character at the cut


def _folded(name: str) -> str:
    """Fold to NFKC without case, until nothing changes: one round can make work for the next."""
    before, key = "", _bare(name)
    while key != before:
        before, key = key, _bare(unicodedata.normalize("NFKC", key).casefold())
    return key


def _bare(text: str) -> str:
    """Without what is not seen, and with single spaces."""
    kept = (each for each in text if each.isspace() or unicodedata.category(each)[0] != "C")
    return " ".join(_BLANK.sub("", "".join(kept)).split())


def _utf16_bytes(text: str) -> int:
    return len(text.encode("utf-16-le"))


def content_disposition(name: str, inline: bool) -> str:  # noqa: FBT001 - as the caller's question reads
    """Return the header's value. Any string is safe here, also one that is no FileName."""
    encoded = quote(name, safe=_ATTR_CHARS, encoding="utf-8", errors="replace")
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{_ascii(name)}\"; filename*=UTF-8''{encoded}"


def _ascii(name: str) -> str:
    """For readers that know no filename*; without %, which some of them decode, and without quotes."""
    parts = unicodedata.normalize("NFKD", name)
    letters = (each for each in parts if not unicodedata.combining(each))
    return _UNQUOTABLE.sub("_", "".join(letters)) or "file"


def numbered(name: str, n: int) -> str:
    """The name with a number before its ending, as a copy has it: "report (2).pdf"."""
    parts = _PARTS.fullmatch(name)
    stem, ending = (parts[1], parts[2] or "") if parts else (name, "")
    tail = f" ({n}){ending}"
    # Joiners hold emojis together: one at the cut would hang on to the number.
    return stem[: MAX_FILE_NAME_LENGTH - len(tail)].rstrip(" \u200d") + tail
