"""Images and the child itself: what is known of a file, what is refused, and that no child outlives its call.

Archives have a file of their own (test_inspecting_archives.py).
"""

import asyncio
import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from functions.files.inspecting import parent
from functions.files.inspecting.answers import ImageFacts, Refused
from functions.files.inspecting.limits import LIMITS, Limits
from functions.files.inspecting.parent import inspect_image, make_thumbnails

ORIENTATION, GPS, LATITUDE = 0x0112, 0x8825, 2


def saved(image: Image.Image, name: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def file(folder: Path, data: bytes) -> Path:
    path = folder / "file with ü and no ending"
    path.write_bytes(data)
    return path


async def reason(path: Path, limits: Limits = LIMITS) -> str:
    with pytest.raises(Refused) as refused:
        await inspect_image(path, limits)
    return refused.value.reason


def chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + name + data + check


def png(width: int, height: int, pixels: bytes, *between: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(between) + body


def halves() -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", (400, 200), "red")
    image.paste("blue", (200, 0, 400, 200))
    return image


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[ORIENTATION] = orientation
    found.get_ifd(GPS)[LATITUDE] = (52.0, 31.0, 12.0)
    return found


@pytest.fixture
def pids(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The children that were started."""
    started: list[int] = []
    start = asyncio.create_subprocess_exec

    async def noted(*words: Any, **options: Any) -> asyncio.subprocess.Process:
        child = await start(*words, **options)
        started.append(child.pid)
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    return started


def is_reaped(pid: int) -> bool:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


@pytest.fixture
def hanging(tmp_path: Path) -> Path:
    """A file whose opening never returns."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def child_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Another child in the place of ours: what hostile bytes might make of it."""

    def put(source: str) -> None:
        path = tmp_path / "child.py"
        path.write_text(source)
        monkeypatch.setattr(parent, "_CHILD", path)

    return put


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "CMYK", "I;16", "LA"])
async def test_an_image_is_known(tmp_path: Path, name: str, mode: str) -> None:
    image = Image.new(mode, (60, 40))
    try:
        data = saved(image, name)
    except (OSError, ValueError):
        return  # no such mode in this format
    path = file(tmp_path, data)
    facts = await inspect_image(path)
    assert (facts.width, facts.height, facts.format) == (60, 40, name)
    (thumbnail,) = await make_thumbnails(path, tmp_path, [16])
    assert (thumbnail.width, thumbnail.height) == (16, 11)


async def test_an_animation_is_known(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "green", "blue")]
    for name in ("GIF", "WEBP", "PNG"):
        path = file(tmp_path, saved(frames[0], name, save_all=True, append_images=frames[1:]))
        assert (await inspect_image(path)).format == name
        (thumbnail,) = await make_thumbnails(path, tmp_path, [8])
        with Image.open(thumbnail.path) as small:
            assert getattr(small, "n_frames", 1) == 1
            red, _, blue = small.convert("RGB").resize((1, 1)).tobytes()
            assert red > 200
            assert blue < 50
        assert await reason(path, replace(LIMITS, frames=2)) == "image_too_large"


async def test_a_stereo_jpeg_is_a_jpeg(tmp_path: Path) -> None:
    path = file(tmp_path, saved(halves(), "MPO", save_all=True, append_images=[halves()]))
    assert await inspect_image(path) == ImageFacts(400, 200, "JPEG")
    assert len(await make_thumbnails(path, tmp_path)) == 2


async def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    data = png(30_000, 30_000, bytes(3751) * 30_000)
    assert len(data) < 200_000
    path = file(tmp_path, data)
    assert await reason(path, replace(LIMITS, cpu_seconds=3)) == "image_too_large"
    with pytest.raises(Refused, match="image_too_large"):
        await make_thumbnails(path, tmp_path)
    # A little above the limit Pillow only warns.
    assert await reason(file(tmp_path, png(10_000, 5_001, b""))) == "image_too_large"


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_a_truncated_image_is_broken(tmp_path: Path, name: str) -> None:
    data = saved(Image.effect_noise((200, 200), 90), name)
    assert await reason(file(tmp_path, data[: len(data) // 2])) == "image_broken"
    with pytest.raises(Refused, match="image_broken"):
        await make_thumbnails(file(tmp_path, data[: len(data) // 2]), tmp_path)


async def test_a_wrong_check_sum_is_broken(tmp_path: Path) -> None:
    data = bytearray(saved(halves(), "PNG"))
    data[-5] ^= 1
    data[40] ^= 1
    assert await reason(file(tmp_path, bytes(data))) == "image_broken"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)//",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%PDF-1.7\n",
        saved(Image.new("RGB", (8, 8)), "BMP"),
        saved(Image.new("RGB", (8, 8)), "TIFF"),
        saved(Image.new("RGB", (8, 8)), "PPM"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    ],
)
async def test_all_but_four_formats_is_broken(tmp_path: Path, data: bytes) -> None:
    assert await reason(file(tmp_path, data)) == "image_broken"


async def test_a_script_around_a_whole_gif_is_a_gif(tmp_path: Path) -> None:
    """Accepted: it decodes. That no browser runs it is for its type and nosniff to see to.

    The width of the screen is the bytes of "/*", which opens the comment that hides the image's bytes.
    """
    gif = saved(Image.new("RGB", (8, 8), "red"), "GIF")
    polyglot = gif[:6] + b"/*" + gif[8:] + b"*/=1;alert(1);//"
    facts = await inspect_image(file(tmp_path, polyglot))
    assert facts == ImageFacts(int.from_bytes(b"/*", "little"), 8, "GIF")
    (thumbnail,) = await make_thumbnails(tmp_path / "file with ü and no ending", tmp_path, [256])
    assert b"alert" not in thumbnail.path.read_bytes()


async def test_thumbnails_are_never_larger_than_the_image(tmp_path: Path) -> None:
    made = await make_thumbnails(file(tmp_path, saved(halves(), "PNG")), tmp_path)
    assert [(each.size, each.width, each.height) for each in made] == [
        (256, 256, 128),
        (1024, 400, 200),
    ]
    for each in made:
        with Image.open(each.path) as small:
            assert (small.format, small.size) == ("WEBP", (each.width, each.height))


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_thumbnails_are_turned_and_keep_no_place(tmp_path: Path, orientation: int) -> None:
    for name in ("JPEG", "PNG", "WEBP"):
        data = saved(halves(), name, exif=exif(orientation), icc_profile=b"a profile" * 20)
        path = file(tmp_path, data)
        turned = orientation >= 5
        facts = await inspect_image(path)
        assert (facts.width, facts.height) == ((200, 400) if turned else (400, 200))
        (thumbnail,) = await make_thumbnails(path, tmp_path, [100])
        with Image.open(thumbnail.path) as small:
            assert small.size == ((50, 100) if turned else (100, 50))
            assert not small.getexif().get_ifd(GPS)
            assert not small.getexif()
            assert not {"exif", "icc_profile", "xmp"} & set(small.info)
            red = small.convert("RGB").getpixel((5, 5))
        assert isinstance(red, tuple)
        # The red half begins at the upper left, unless it was mirrored or turned away from there.
        assert (red[0] > 200) == (orientation in (1, 4, 5, 6))
        assert not any(each in thumbnail.path.read_bytes() for each in (b"EXIF", b"ICCP", b"XMP "))


async def test_thumbnails_keep_what_is_transparent(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (600, 600), (0, 200, 0, 0))
    clear.paste((0, 200, 0, 255), (0, 0, 300, 600))
    for data in (saved(clear, "PNG"), saved(clear, "GIF"), saved(clear, "WEBP")):
        (thumbnail,) = await make_thumbnails(file(tmp_path, data), tmp_path, [64])
        with Image.open(thumbnail.path) as small:
            alpha = small.getchannel("A")
            assert (alpha.getpixel((5, 5)), alpha.getpixel((60, 5))) == (255, 0)


async def test_sixteen_bits_of_grey_stay_grey(tmp_path: Path) -> None:
    data = saved(Image.new("I;16", (40, 40), 0x8000), "PNG")
    (thumbnail,) = await make_thumbnails(file(tmp_path, data), tmp_path, [16])
    with Image.open(thumbnail.path) as small:
        grey = small.convert("L").getpixel((8, 8))
    assert isinstance(grey, int)
    assert abs(grey - 0x80) < 8


async def test_a_child_that_hangs_is_ended(hanging: Path, pids: list[int]) -> None:
    assert await reason(hanging, replace(LIMITS, wall_seconds=0.5)) == "inspection_timed_out"
    assert await reason(hanging, replace(LIMITS, wall_seconds=0.0)) == "inspection_timed_out"
    assert len(pids) == 2
    assert all(is_reaped(pid) for pid in pids)


async def test_a_child_of_a_cancelled_call_is_ended(hanging: Path, pids: list[int]) -> None:
    call = asyncio.create_task(inspect_image(hanging))
    # Opening a pipe to write waits for whoever opens it to read: the child is at work.
    with await asyncio.to_thread(hanging.open, "wb"):
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert all(is_reaped(pid) for pid in pids)


async def test_no_child_is_left_by_an_answer(tmp_path: Path, pids: list[int]) -> None:
    await inspect_image(file(tmp_path, saved(halves(), "PNG")))
    assert await reason(file(tmp_path, b"")) == "image_broken"
    assert [is_reaped(pid) for pid in pids] == [True, True]


async def test_memory_has_a_limit(tmp_path: Path) -> None:
    """The same image, with the memory that an image may need and with less."""
    path = file(tmp_path, png(7000, 7000, bytes(876) * 7000))
    small = replace(LIMITS, memory=160 * 1024 * 1024)
    (thumbnail,) = await make_thumbnails(
        file(tmp_path, saved(halves(), "PNG")), tmp_path, [9], small
    )
    assert thumbnail.width == 9
    path.write_bytes(png(7000, 7000, bytes(876) * 7000))
    assert (await inspect_image(path)).width == 7000
    with pytest.raises(Refused, match="inspection_failed: MemoryError"):
        await make_thumbnails(path, tmp_path, [9], small)
    assert len(await make_thumbnails(path, tmp_path, [9])) == 1


async def test_written_files_have_a_limit(tmp_path: Path) -> None:
    path = file(tmp_path, saved(Image.effect_noise((500, 500), 90), "PNG"))
    with pytest.raises(Refused, match="inspection_failed"):
        await make_thumbnails(path, tmp_path, limits=replace(LIMITS, file_size=1000))


async def test_what_is_not_there_is_no_broken_image(tmp_path: Path) -> None:
    assert await reason(tmp_path / "nothing") == "inspection_failed"
    assert await reason(tmp_path) == "inspection_failed"


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nwhile True: sys.stdout.write('x' * 65536)",
        "import os\nos.abort()",
        "raise SystemExit(1)",
        "",
        "print('[]')",
        "print('{}')",
        """print('{"facts": {"width": 1, "height": 1, "format": "SVG"}}')""",
        """print('{"facts": {"width": -1, "height": 1, "format": "PNG"}}')""",
        """print('{"facts": {"width": 1000000, "height": 1000000, "format": "PNG"}}')""",
        """print('{"facts": {"width": 1, "height": 1, "format": "PNG", "more": 1}}')""",
        """print('{"refused": "no such reason"}')""",
        """print('{"refused": "image_broken", "detail": "' + 'x' * 300 + '"}')""",
        """print('{"thumbnails": [{"width": 1, "height": 1}]}')""",
    ],
)
async def test_what_a_child_cannot_mean_is_not_believed(
    tmp_path: Path, child_that: Callable[[str], None], pids: list[int], source: str
) -> None:
    child_that(source)
    path = file(tmp_path, b"")
    assert await reason(path) == "inspection_failed"
    with pytest.raises(Refused, match="inspection_failed"):
        await make_thumbnails(path, tmp_path, [9])
    assert [is_reaped(pid) for pid in pids] == [True, True]


async def test_a_child_is_given_nothing_of_the_app(
    tmp_path: Path, child_that: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    child_that(
        "import os, sys, json\n"
        "bad = 'SECRET' in os.environ or len(os.listdir('/dev/fd')) > 4 or sys.stdin.read()\n"
        "print(json.dumps({'refused': 'image_broken' if bad else 'image_too_large'}))"
    )
    assert await reason(file(tmp_path, b"")) == "image_too_large"
