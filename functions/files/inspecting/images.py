"""Images, in the child: what they are, and small ones of them.

Invariant: the size is checked from the header before a pixel is decoded, and nothing but four formats is
tried. A thumbnail is made of pixels alone: EXIF (and the place it tells), ICC profile and XMP stay behind.
Of an animation only the first frame is decoded.
"""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image, ImageFile, WebPImagePlugin  # noqa: F401 - WebP is not among what Pillow loads first

from functions.files.inspecting.answers import Refused
from functions.files.inspecting.limits import Limits

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
# A JPEG with more pictures in it (of a phone, a stereo camera): its first is what is shown.
_ALSO = {"MPO": "JPEG"}
_QUALITY = 80
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FIRST_SIDEWAYS = 5
# What Pillow raises on bytes it does not understand. RuntimeError: also of a recursion without end.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    struct.error,
)


def facts(path: str, limits: Limits) -> dict[str, Any]:
    """Decode all of an image. Raises Refused."""
    with _opened(path, limits) as image:
        image.verify()  # a PNG's check sums; it leaves an image that cannot be decoded
    with _opened(path, limits) as image:
        width, height = image.size
        # A JPEG is read to its end at an eighth of its size: the same bytes for less memory.
        image.draft(None, (1, 1))
        image.load()
        if _orientation(image) >= _FIRST_SIDEWAYS:
            width, height = height, width
        name = image.format or ""
        return {"width": width, "height": height, "format": _ALSO.get(name, name)}


def thumbnails(path: str, targets: list[tuple[int, str]], limits: Limits) -> list[dict[str, int]]:
    """Write a WebP for each size and path; answers in their order. Raises Refused."""
    with _opened(path, limits) as image:
        largest = max(size for size, _ in targets)
        picture = _small(image, largest)
    made = {}
    for size, target in sorted(targets, reverse=True):
        picture.thumbnail((size, size), Image.Resampling.LANCZOS)
        picture.save(target, "WEBP", quality=_QUALITY, exif=b"", icc_profile=b"", xmp=b"")
        made[target] = {"width": picture.width, "height": picture.height}
    return [made[target] for _, target in targets]


@contextmanager
def _opened(path: str, limits: Limits) -> Iterator[ImageFile.ImageFile]:
    Image.MAX_IMAGE_PIXELS = limits.pixels
    with warnings.catch_warnings():
        # Pillow only warns up to twice the limit. Also while decoding: a GIF's frames may grow its size.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=_FORMATS) as image:
                _check(image, limits)
                yield image
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise Refused("image_too_large", "pixels") from error
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of the system, not of the image: a file that is not there, a disk that is full
            raise Refused("image_broken", type(error).__name__) from error


def _check(image: ImageFile.ImageFile, limits: Limits) -> None:
    if image.width * image.height > limits.pixels:
        raise Refused("image_too_large", "pixels")
    if getattr(image, "n_frames", 1) > limits.frames:
        raise Refused("image_too_large", "frames")


def _orientation(image: Image.Image) -> int:
    """Of 1 to 8. Broken EXIF does not make an image unusable: it is shown as it lies."""
    try:
        value = image.getexif().get(_ORIENTATION)
    except _BROKEN:
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _small(image: ImageFile.ImageFile, size: int) -> Image.Image:
    turn = _TURNS.get(_orientation(image))
    # A JPEG is shrunk while it is decoded; all else first becomes something that can be averaged.
    picture: Image.Image = image if image.format in ("JPEG", "MPO") else _plain(image)
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    picture = _plain(picture)
    return picture if turn is None else picture.transpose(turn)


def _plain(image: Image.Image) -> Image.Image:
    """In RGB or RGBA."""
    image.load()  # whether there is transparency is known only then
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == wanted else image.convert(wanted)
