"""Thumbnails over HTTP: small WebP images of each image, upright, and with nothing of what a camera wrote."""

import io
from typing import Any

import pytest
from PIL import Image

from tests.harness.api import Api, User
from tests.harness.blobs import blobs_of, until_no_bytes
from tests.harness.files import Files, promised
from tests.harness.stack import Stack
from tests.harness.waiting import until_async

SIZES = (256, 1024)
ORIENTATION, MAKER, GPS = 0x0112, 0x010F, 0x8825


def picture(kind: str, size: tuple[int, int] = (1600, 800), **options: Any) -> bytes:
    """An image, its left half red and its right half blue."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    """What a camera writes: how it was held, who made it, and where."""
    found = Image.Exif()
    found[ORIENTATION], found[MAKER] = orientation, "Babbage & Co"
    found.get_ifd(GPS)[1] = "N"
    return found


async def with_thumbnails(files: Files, user: User, file_id: str) -> dict[str, Any]:
    """A file once it has its thumbnails."""

    async def made() -> dict[str, Any] | None:
        item = await files.get(user, file_id)
        return item if item["thumbnails"] else None

    found = await until_async(made, f"{file_id} has thumbnails", 30)
    assert found is not None
    return found


async def thumbnail(api: Api, files: Files, user: User, file_id: str, size: int) -> Image.Image:
    """A thumbnail, as a browser would show it."""
    given = await api.good("GET", f"files/{file_id}/thumbnails/{size}", user)
    assert given["content_type"] == "image/webp"
    stored = await files.ask("GET", given["url"])
    assert (stored.status, stored.headers["content-type"]) == (200, "image/webp")
    assert len(stored.body) == given["size"]
    image = Image.open(io.BytesIO(stored.body))
    image.load()
    assert image.format == "WEBP"
    return image


def colour(image: Image.Image, x: float, y: float) -> str:
    """What a place is, roughly."""
    pixel = image.convert("RGB").getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(pixel, tuple)
    return "red" if pixel[0] > pixel[2] else "blue"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_an_image_gets_two_thumbnails(api: Api, files: Files, kind: str) -> None:
    ada = await api.user()
    type_ = f"image/{kind.lower()}"
    file = await files.available(ada, picture(kind), f"p.{kind.lower()}", content_type=type_)
    assert (file["width"], file["height"]) == (1600, 800)
    item = await with_thumbnails(files, ada, file["id"])
    assert sorted(item["thumbnails"]) == [256, 1024]
    for size in SIZES:
        image = await thumbnail(api, files, ada, file["id"], size)
        assert image.size == (size, size // 2)
        assert (colour(image, 0.1, 0.5), colour(image, 0.9, 0.5)) == ("red", "blue")
    stored = await files.content(ada, file["id"], disposition="inline")
    assert stored.headers["content-type"] == type_
    assert stored.body == picture(kind), "what was uploaded stays as it is"


async def test_a_thumbnail_is_upright_and_tells_nothing_of_the_camera(
    api: Api, files: Files
) -> None:
    ada = await api.user()
    content = picture("JPEG", exif=exif(6), comment=b"written at home")  # turn it to the right
    file = await files.available(ada, content, "p.jpg", content_type="image/jpeg")
    assert (file["width"], file["height"]) == (800, 1600), "as it is seen"
    await with_thumbnails(files, ada, file["id"])
    for size in SIZES:
        image = await thumbnail(api, files, ada, file["id"], size)
        assert image.size == (size // 2, size)
        assert (colour(image, 0.5, 0.1), colour(image, 0.5, 0.9)) == ("red", "blue")
        assert dict(image.getexif()) == {}
        assert {"exif", "xmp", "icc_profile", "comment"} & set(image.info) == set()
        given = await api.good("GET", f"files/{file['id']}/thumbnails/{size}", ada)
        raw = (await files.ask("GET", given["url"])).body
        assert b"Babbage" not in raw
        assert b"at home" not in raw


async def test_a_small_image_is_not_blown_up(api: Api, files: Files) -> None:
    ada = await api.user()
    content = picture("PNG", (40, 30))
    file = await files.available(ada, content, "p.png", content_type="image/png")
    item = await with_thumbnails(files, ada, file["id"])
    for size in item["thumbnails"]:
        assert (await thumbnail(api, files, ada, file["id"], size)).size == (40, 30)


async def test_what_is_no_image_has_no_thumbnail(api: Api, files: Files) -> None:
    ada, eve = await api.user(), await api.user("Eve")
    text = await files.available(ada, b"words")
    unread = picture("PNG", (40, 30))
    raw = await files.available(ada, unread, "p.bin", content_type="application/octet-stream")
    assert text["thumbnails"] == []
    path = f"files/{text['id']}/thumbnails"
    for size, status, code in (
        ("256", 404, "thumbnail_not_found"),
        ("1024", 404, "thumbnail_not_found"),
        ("512", 404, "not_found"),
        ("big", 404, "not_found"),
    ):
        answer = await api.call("GET", f"{path}/{size}", ada)
        assert (answer.status, answer.code) == (status, code)
    assert (await api.call("GET", f"{path}/256", eve)).code == "file_not_found"
    waiting = (await files.begun(ada, unread, "w.png", content_type="image/png"))["file"]
    early = await api.call("GET", f"files/{waiting['id']}/thumbnails/256", ada)
    assert (early.status, early.code) == (409, "scan_pending")
    assert (await files.content(ada, raw["id"])).body == unread


async def test_a_viewer_gets_the_thumbnail_and_nobody_from_the_bin(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    content = picture("PNG", (300, 300))
    file = await files.available(ada, content, "p.png", content_type="image/png")
    await with_thumbnails(files, ada, file["id"])
    path = f"files/{file['id']}/thumbnails/256"
    assert (await api.call("GET", path, grace)).code == "file_not_found"
    grant = {"role": "viewer"}
    await api.good("PUT", f"files/{file['id']}/grants/{grace.id}", ada, json=grant)
    assert (await thumbnail(api, files, grace, file["id"], 256)).size == (256, 256)
    await api.good("DELETE", f"files/{file['id']}", ada)
    for user in (ada, grace):
        answer = await api.call("GET", path, user)
        assert (answer.status, answer.code) == (409, "in_bin")


async def test_each_version_and_each_copy_has_thumbnails_of_its_own(
    api: Api, files: Files, stack: Stack
) -> None:
    ada = await api.user()
    wide, high = picture("PNG", (600, 300)), picture("PNG", (300, 600))
    file = await files.available(ada, wide, "p.png", content_type="image/png")
    await with_thumbnails(files, ada, file["id"])
    path = f"files/{file['id']}/versions"
    begun = await api.good("POST", path, ada, json=promised(high, "image/png"))
    await files.finish(ada, begun, high)
    await with_thumbnails(files, ada, file["id"])
    assert (await thumbnail(api, files, ada, file["id"], 256)).size == (128, 256)
    restored = await api.good("POST", f"{path}/1/restore", ada)
    assert sorted(restored["thumbnails"]) == [256, 1024]
    assert (await thumbnail(api, files, ada, file["id"], 256)).size == (256, 128)
    copy = (await api.good("POST", f"files/{file['id']}/copy", ada, json={}))["file"]
    await with_thumbnails(files, ada, copy["id"])
    assert len(await blobs_of(stack, file["id"])) == 6, "two versions, two thumbnails of each"
    await api.good("DELETE", f"files/{file['id']}", ada)
    await api.good("DELETE", f"bin/{file['id']}", ada)
    await until_no_bytes(stack, file["id"])
    assert (await thumbnail(api, files, ada, copy["id"], 256)).size == (256, 128)
