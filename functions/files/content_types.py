"""What a file is: the types we know, told from its first bytes, and the type a download may carry.

Invariant: what a browser or a system would run (pages, SVG, scripts, programs) is accepted only under a type
that says so or says nothing, and every such type is served as application/octet-stream. A download must also
say `X-Content-Type-Options: nosniff`: this module judges a head, and says nothing of the rest of the file.

Signatures: WHATWG MIME Sniffing (sections 6 and 7), file(1)'s magic, mp4ra.org for the brands of ftyp, the
first entries that ECMA-376, OpenDocument and EPUB write into their ZIP. Names: IANA's registry.
"""

import codecs
import re
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

HEAD_BYTES = 4096
MAX_CONTENT_TYPE_LENGTH = 127

OCTETS, TEXT, XML = "application/octet-stream", "text/plain", "application/xml"
HTML, SVG = "text/html", "image/svg+xml"

type Inspected = Literal["image", "zip", "gzip", "bzip2", "xz", "tar"]
"""How a content is looked into: as one of the images that are decoded here, or as an archive of a kind."""
type Signature = tuple[tuple[int, bytes], ...]
"""Offsets and what stands there; all of it must."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of content."""

    name: str
    extensions: str
    """Parted by spaces, without dots, the usual one first."""
    signatures: tuple[Signature, ...] = ()
    """One of them shows the type. Text has none."""
    holds: bytes = b""
    """What must be in the head besides, anywhere."""
    family: str = ""
    """The container that it shares with others: within it a head does not always tell which it is."""
    nature: Literal["data", "text", "markup", "script", "program"] = "data"
    """Markup, scripts and programs run where they are opened; none of them is served under its name."""
    inspected: Inspected | None = None
    served: bool = False
    inline: bool = False
    aliases: tuple[str, ...] = ()
    """Other names that browsers and systems send for it."""

    def is_shown_by(self, head: bytes) -> bool:
        """Whether a head has one of the signatures."""
        return self.holds in head and any(
            all(head.startswith(mark, offset) for offset, mark in each) for each in self.signatures
        )


def _begins(*marks: bytes) -> tuple[Signature, ...]:
    return tuple(((0, mark),) for mark in marks)


def _riff(form: bytes) -> tuple[Signature, ...]:
    return (((0, b"RIFF"), (8, form)),)


def _box(*marks: bytes) -> tuple[Signature, ...]:
    """ISO 14496-12: a box of less than 64 KiB, so that the size before its name is no text."""
    return tuple(((0, b"\0\0"), (4, mark)) for mark in marks)


def _packed(name: bytes) -> tuple[Signature, ...]:
    """A ZIP by the name of its first entry, and what follows when that is stored uncompressed."""
    return (((0, b"PK\3\4"), (30, name)),)


_OOXML, _OD = (
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
)
_OD_MARK = b"mimetypeapplication/vnd.oasis.opendocument."
_TYPES = _packed(b"[Content_Types].xml")


def _zip(
    name: str,
    extensions: str,
    signatures: tuple[Signature, ...],
    holds: bytes = b"",
    aliases: tuple[str, ...] = (),
) -> Kind:
    kind = Kind(name, extensions, signatures, holds, "zip", inspected="zip", served=True)
    return replace(kind, aliases=aliases)


# The first that a head shows is what is detected: so what is told exactly stands before its container.
# fmt: off
KINDS = (
    # Programs, of Windows, Linux, macOS (with Java, whose classes begin as macOS's fat binaries do).
    Kind("application/vnd.microsoft.portable-executable", "exe dll sys scr", _begins(b"MZ"),
         nature="program", aliases=("application/x-msdownload", "application/x-dosexec",
         "application/x-msdos-program", "application/exe")),
    Kind("application/x-executable", "elf so o", _begins(b"\x7fELF"), nature="program",
         aliases=("application/x-elf", "application/x-sharedlib", "application/x-pie-executable")),
    Kind("application/x-mach-binary", "dylib macho class", _begins(b"\xfe\xed\xfa\xce",
         b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe",
         b"\xca\xfe\xba\xbf", b"\xbe\xba\xfe\xca", b"\xbf\xba\xfe\xca"), nature="program",
         aliases=("application/java-vm", "application/x-java-applet")),
    Kind("application/x-ms-shortcut", "lnk", _begins(b"L\0\0\0\1\x14\2\0"), nature="program"),
    Kind("application/x-sh", "sh bash", _begins(b"#!"), nature="script", aliases=("text/x-sh",
         "application/x-shellscript", "text/x-shellscript", "text/x-script")),
    # Pictures.
    Kind("image/png", "png", _begins(b"\x89PNG\r\n\x1a\n"), inspected="image", served=True,
         inline=True, aliases=("image/x-png",)),
    Kind("image/jpeg", "jpg jpeg jpe jfif", _begins(b"\xff\xd8\xff"), inspected="image",
         served=True, inline=True, aliases=("image/jpg", "image/pjpeg")),
    Kind("image/gif", "gif", _begins(b"GIF87a", b"GIF89a"), inspected="image", served=True,
         inline=True),
    Kind("image/webp", "webp", _riff(b"WEBPVP"), inspected="image", served=True, inline=True),
    Kind("image/avif", "avif", _box(b"ftypavif", b"ftypavis"), family="heif", served=True),
    Kind("image/heic", "heic", _box(b"ftypheic", b"ftypheix", b"ftyphevc", b"ftyphevx", b"ftypheim",
         b"ftypheis"), family="heif", served=True,
         aliases=("image/heic-sequence",)),
    Kind("image/heif", "heif hif", _box(b"ftypmif1", b"ftypmsf1"), family="heif", served=True,
         aliases=("image/heif-sequence",)),
    Kind("image/bmp", "bmp dib", (((0, b"BM"), (6, b"\0\0\0\0")),), served=True,
         aliases=("image/x-ms-bmp", "image/x-bmp")),
    Kind("image/tiff", "tif tiff", _begins(b"II*\0", b"MM\0*"), served=True),
    # Sound and film.
    Kind("audio/mpeg", "mp3", _begins(b"ID3\2", b"ID3\3", b"ID3\4", b"\xff\xfb", b"\xff\xfa",
         b"\xff\xf3", b"\xff\xf2"), served=True, inline=True, aliases=("audio/mp3", "audio/x-mp3")),
    Kind("audio/aac", "aac", _begins(b"\xff\xf1", b"\xff\xf9"), served=True,
         aliases=("audio/x-aac",)),
    Kind("audio/flac", "flac", _begins(b"fLaC\0", b"fLaC\x80"), served=True,
         aliases=("audio/x-flac",)),
    Kind("audio/wav", "wav", _riff(b"WAVE"), served=True, aliases=("audio/x-wav", "audio/wave",
         "audio/vnd.wave")),
    Kind("audio/ogg", "ogg oga opus", _begins(b"OggS\0"), family="ogg", served=True,
         aliases=("audio/opus", "audio/x-opus+ogg")),
    Kind("video/ogg", "ogv", family="ogg", served=True),
    Kind("application/ogg", "ogx", family="ogg", served=True),
    Kind("video/webm", "webm", _begins(b"\x1aE\xdf\xa3"), b"webm", "ebml", served=True, inline=True),
    Kind("audio/webm", "weba", family="ebml", served=True),
    Kind("video/matroska", "mkv mka", _begins(b"\x1aE\xdf\xa3"), family="ebml", served=True,
         aliases=("video/x-matroska", "audio/x-matroska", "audio/matroska")),
    Kind("video/quicktime", "mov qt", _box(b"ftypqt  ", b"moov", b"wide"), family="mp4", served=True),
    Kind("audio/mp4", "m4a", _box(b"ftypM4A ", b"ftypM4B "), family="mp4", served=True,
         aliases=("audio/x-m4a", "audio/m4a")),
    Kind("video/3gpp", "3gp 3g2", _box(b"ftyp3g"), family="mp4", served=True,
         aliases=("video/3gpp2",)),
    Kind("video/mp4", "mp4 m4v", _box(b"ftyp"), family="mp4", served=True, inline=True,
         aliases=("video/x-m4v",)),
    Kind("video/x-msvideo", "avi", _riff(b"AVI "), served=True, aliases=("video/avi",
         "video/vnd.avi")),
    Kind("video/mpeg", "mpg mpeg", _begins(b"\0\0\1\xba", b"\0\0\1\xb3"), served=True),
    # Documents.
    Kind("application/pdf", "pdf", _begins(b"%PDF-"), served=True, aliases=("application/x-pdf",)),
    Kind("application/rtf", "rtf", _begins(b"{\\rtf"), served=True, aliases=("text/rtf",)),
    Kind("application/postscript", "ps eps ai", _begins(b"%!PS")),
    _zip(f"{_OOXML}wordprocessingml.document", "docx", _TYPES, b"word/"),
    _zip(f"{_OOXML}spreadsheetml.sheet", "xlsx", _TYPES, b"xl/"),
    _zip(f"{_OOXML}presentationml.presentation", "pptx", _TYPES, b"ppt/"),
    _zip(f"{_OD}text", "odt", _packed(_OD_MARK + b"textPK")),
    _zip(f"{_OD}spreadsheet", "ods", _packed(_OD_MARK + b"spreadsheetPK")),
    _zip(f"{_OD}presentation", "odp", _packed(_OD_MARK + b"presentationPK")),
    _zip("application/epub+zip", "epub", _packed(b"mimetypeapplication/epub+zipPK")),
    Kind("application/msword", "doc dot", family="ole", served=True),
    Kind("application/vnd.ms-excel", "xls xlt", family="ole", served=True),
    Kind("application/vnd.ms-powerpoint", "ppt pps", family="ole", served=True),
    Kind("application/x-ole-storage", "msi msg", _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
         family="ole", aliases=("application/vnd.ms-outlook", "application/x-msi")),
    # Archives. Those that Python cannot open are not inspected.
    _zip("application/zip", "zip", _begins(b"PK\3\4", b"PK\5\6", b"PK\7\x08PK\3\4"),
         aliases=("application/x-zip-compressed", "application/x-zip")),
    Kind("application/gzip", "gz tgz", _begins(b"\x1f\x8b"), inspected="gzip", served=True,
         aliases=("application/x-gzip", "application/x-compressed-tar")),
    Kind("application/x-bzip2", "bz2", (((0, b"BZh"), (4, b"1AY&SY")), ((0, b"BZh"), (4,
         b"\x17rE8P\x90"))), inspected="bzip2", served=True, aliases=("application/bzip2",
         "application/x-bzip")),
    Kind("application/x-xz", "xz", _begins(b"\xfd7zXZ\0"), inspected="xz", served=True),
    Kind("application/x-tar", "tar", (((257, b"ustar"),),), inspected="tar", served=True,
         aliases=("application/tar",)),
    Kind("application/zstd", "zst", _begins(b"\x28\xb5\x2f\xfd"), served=True),
    Kind("application/x-7z-compressed", "7z", _begins(b"7z\xbc\xaf\x27\x1c"), served=True),
    Kind("application/vnd.rar", "rar", _begins(b"Rar!\x1a\7"), served=True,
         aliases=("application/x-rar-compressed", "application/x-rar")),
    # Text, which has no signatures: it is told by what it does not hold.
    Kind(TEXT, "txt log text", nature="text", served=True),
    Kind("text/csv", "csv", nature="text", served=True, aliases=("application/csv",)),
    Kind("text/tab-separated-values", "tsv", nature="text", served=True),
    Kind("text/calendar", "ics", nature="text", served=True),
    Kind("text/vcard", "vcf", nature="text", served=True, aliases=("text/x-vcard",)),
    Kind("application/json", "json", nature="text", served=True),
    Kind("application/yaml", "yaml yml", nature="text", aliases=("text/yaml", "application/x-yaml")),
    Kind("text/css", "css", nature="text"),
    # What a browser runs, or may hold it (Markdown is HTML where its writer wants).
    Kind(HTML, "html htm", nature="markup"),
    Kind("application/xhtml+xml", "xhtml xht", nature="markup"),
    Kind(SVG, "svg", nature="markup"),
    Kind(XML, "xml xsl xsd", nature="markup", aliases=("text/xml",)),
    Kind("text/markdown", "md markdown", nature="markup", aliases=("text/x-markdown",)),
    Kind("text/javascript", "js mjs", nature="script", aliases=("application/javascript",
         "application/x-javascript", "application/ecmascript", "text/ecmascript")),
    Kind("text/x-python", "py", nature="script", aliases=("text/x-script.python",
         "application/x-python")),
    Kind("text/x-perl", "pl", nature="script", aliases=("application/x-perl",)),
    Kind("text/x-ruby", "rb", nature="script", aliases=("application/x-ruby", "text/ruby")),
    Kind("text/rust", "rs", nature="script", aliases=("text/x-rust",)),
)
# fmt: on

_BY_NAME = {name: kind for kind in KINDS for name in (kind.name, *kind.aliases)}
_ACTIVE = ("markup", "script", "program")

_RESTRICTED_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"
_CONTENT_TYPE = re.compile(f"{_RESTRICTED_NAME}/{_RESTRICTED_NAME}")

# Bytes that no text holds: WHATWG MIME Sniffing, "binary data byte".
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What may stand before the first element. Possessive: nothing is tried twice, however long the head.
_PROLOGUE = re.compile(
    rb"(?:\s++|<!--.*?-->|<\?.*?\?>|<!doctype\s++(?!html\b)[^>\[]*+(?:\[.*?\]\s*+)?>)*+",
    re.IGNORECASE | re.DOTALL,
)
_SVG_ELEMENT = re.compile(rb"<(?:[\w.-]+:)?svg(?![\w.:-])", re.IGNORECASE)
# The elements of WHATWG's sniffing, and those by which a page without them can still run something.
_HTML_ELEMENT = re.compile(
    rb"<(?:[\w.-]+:)?(?:!doctype\s+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p"
    rb"|audio|base|button|details|embed|form|frameset|img|input|link|math|meta|noscript|object|template"
    rb"|video)(?![\w.:@-])",
    re.IGNORECASE,
)


def _content_type(raw: str) -> str:
    # Before lower(), which turns some letters of other scripts (the sign of Kelvin) to ASCII.
    if not _CONTENT_TYPE.fullmatch(raw):
        raise ValueError("must be a type and a subtype, like image/png, without parameters")
    return raw.lower()


type ContentType = Annotated[
    str, Field(max_length=MAX_CONTENT_TYPE_LENGTH), AfterValidator(_content_type)
]


def detect(head: bytes) -> str | None:
    """The type that a file's first 4 KiB show; text/plain for any text in UTF-8, None when nothing is told.

    An office document whose first entry does not tell which it is, is application/zip.
    """
    found = _found(head[:HEAD_BYTES])
    return found.name if found else None


def is_as_claimed(claimed: str, head: bytes) -> bool:
    """Whether a file may be taken under the type that somebody claims for it.

    A known type must match; within one container (ZIP, OLE, MP4, Ogg...) any of its types does. An unknown
    type may hold all but what runs. application/octet-stream claims nothing, so it holds for everything.
    """
    if claimed == OCTETS:
        return True
    head = head[:HEAD_BYTES]
    kind, found = _BY_NAME.get(claimed), _found(head)
    if found is not None and found.nature in _ACTIVE:
        return _owns_up(claimed, kind, found)
    if kind is not None and kind.nature in ("data", "program"):
        return _matches(kind, found, head)
    if claimed == SVG:
        return False
    if kind is not None or claimed.startswith("text/"):
        return b"\0" not in head and (found is None or found.name == TEXT)
    return True


def served_as(content_type: str) -> str:
    """The type for a download: its own when that is on the allow-list, else application/octet-stream."""
    kind = _BY_NAME.get(content_type)
    return kind.name if kind is not None and kind.served else OCTETS


def shown_inline(content_type: str) -> bool:
    """Whether a browser may show it in place; all else is an attachment, PDF too: it can hold scripts."""
    kind = _BY_NAME.get(content_type)
    return kind is not None and kind.inline


def inspected_as(content_type: str) -> Inspected | None:
    """How its content is looked into. Ask it of detect() too: a claim of octet-stream hides a bomb."""
    kind = _BY_NAME.get(content_type)
    return kind.inspected if kind is not None else None


def _owns_up(claimed: str, kind: Kind | None, found: Kind) -> bool:
    """Whether a claim admits to what runs. None of the types that do is served under its own name."""
    if found.nature == "markup":
        if claimed == SVG and found.name == HTML:
            return False
        return claimed.endswith("+xml") or (kind is not None and kind.nature == "markup")
    if kind is None:
        return False
    return kind is found or (found.nature == kind.nature == "script")


def _matches(kind: Kind, found: Kind | None, head: bytes) -> bool:
    if found is None:
        return False
    if kind.inspected == "image" and _is_text(head):
        return False  # a script that begins like a GIF
    return found is kind or (kind.family != "" and kind.family == found.family)


def _found(head: bytes) -> Kind | None:
    # Markup first: a TAR begins with a name of somebody's choice, and no other signature looks like it.
    if markup := _markup(head):
        return _BY_NAME[markup]
    is_text = _is_text(head)
    for kind in KINDS:
        # "MZ" begins many a text (it is Mozambique in a table of countries), text begins no program.
        if kind.is_shown_by(head) and not (is_text and kind.nature == "program"):
            return kind
    return _BY_NAME[TEXT] if is_text else None


def _markup(head: bytes) -> str | None:
    """HTML, SVG or XML, when that is what the head begins with. An unfinished comment counts as HTML."""
    text = _as_utf8(head).lstrip()
    prologue = _PROLOGUE.match(text)
    rest = text[prologue.end() :] if prologue else text
    if _SVG_ELEMENT.match(rest):
        return SVG
    if _HTML_ELEMENT.match(rest):
        return HTML
    if text[:9].lower().startswith((b"<?xml", b"<!doctype")):
        return XML
    return HTML if text.startswith(b"<!--") else None


def _as_utf8(head: bytes) -> bytes:
    if head.startswith(_UTF16):
        return head.decode("utf-16", "ignore").encode("utf-8", "ignore")
    return head.removeprefix(codecs.BOM_UTF8)


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 without binary bytes; a character that the cut took in two is no fault."""
    if not head or _BINARY.search(head):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
