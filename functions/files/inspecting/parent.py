"""The app's side of an inspection: starts a child for one file, and believes nothing that it cannot check.

Invariant: whatever a file does to the child, the caller gets an answer or Refused within the wall time; the
child is then dead and reaped, also when the caller was cancelled. A child needs up to `limits.memory`: how
many may run at once is the caller's to decide.
"""

import asyncio
import importlib.util
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from signal import SIGXCPU
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.files.inspecting.answers import (
    ArchiveKind,
    ImageFacts,
    ImageFormat,
    Reason,
    Refused,
    Thumbnail,
)
from functions.files.inspecting.limits import ANSWER_BYTES, LIMITS, Limits

_CHILD = Path(__file__).with_name("child.py")
_ROOT = Path(__file__).parents[3]
# One arena: each thread of libwebp would reserve 64 MiB of the child's address space for its own.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}

type _Side = Annotated[int, Field(ge=1)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Picture(_Said):
    width: _Side
    height: _Side


class _Facts(_Picture):
    format: ImageFormat


class _Answer(_Said):
    refused: Reason | None = None
    detail: str = Field("", max_length=200)
    facts: _Facts | None = None
    thumbnails: list[_Picture] | None = None


async def inspect_image(path: Path, limits: Limits = LIMITS) -> ImageFacts:
    """Decode a PNG, JPEG, WebP or GIF (of an animation the first frame). Raises Refused."""
    facts = (await _asked("facts", path, limits)).facts
    if facts is None or facts.width * facts.height > limits.pixels:
        raise Refused("inspection_failed", "an answer without facts")
    return ImageFacts(facts.width, facts.height, facts.format)


async def inspect_archive(path: Path, kind: ArchiveKind, limits: Limits = LIMITS) -> None:
    """Unpack all of an archive to nowhere. Raises Refused."""
    await _asked("archive", path, limits, kind=kind)


async def make_thumbnails(
    path: Path, folder: Path, sizes: Sequence[int] = (256, 1024), limits: Limits = LIMITS
) -> list[Thumbnail]:
    """Write a WebP for each size into the folder, none larger than the image. Raises Refused.

    What a refused image left in the folder is the caller's to remove.
    """
    # The child does not say where it wrote: a path of its making is none to open.
    targets = [folder / f"{size}.webp" for size in sizes]
    pairs = [(size, _absolute(target)) for size, target in zip(sizes, targets, strict=True)]
    answer = await _asked("thumbnails", path, limits, targets=pairs)
    pictures = answer.thumbnails or []
    if len(pictures) != len(sizes) or not all(_is_plain_file(each) for each in targets):
        raise Refused("inspection_failed", "an answer without thumbnails")
    made = zip(targets, sizes, pictures, strict=True)
    return [Thumbnail(target, size, each.width, each.height) for target, size, each in made]


def _absolute(path: Path) -> str:
    return str(path.absolute())  # the child works elsewhere


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


async def _asked(task: str, path: Path, limits: Limits, **more: Any) -> _Answer:
    order = {
        "task": task,
        "path": _absolute(path),
        "limits": asdict(limits),
        "import_from": [str(_ROOT), *_packages()],
        **more,
    }
    code, said = await _ran(json.dumps(order), limits.wall_seconds)
    if code == -SIGXCPU:
        raise Refused("inspection_timed_out", "used up its CPU time")
    if code != 0:
        raise Refused("inspection_failed", f"the child ended with {code}")
    return _understood(said)


def _understood(said: bytes) -> _Answer:
    try:
        answer = _Answer.model_validate_json(said)
    except ValidationError as error:
        raise Refused("inspection_failed", "the child said what it cannot mean") from error
    if answer.refused is not None:
        raise Refused(answer.refused, answer.detail)
    return answer


def _packages() -> list[str]:
    """Where Pillow is. An isolated Python looks only into its own; on Azure, packages lie beside the app."""
    spec = importlib.util.find_spec("PIL")
    return [str(Path(spec.origin).parents[1])] if spec and spec.origin else []


async def _ran(order: str, seconds: float) -> tuple[int, bytes]:
    """How the child ended, and what it said. Raises Refused."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-B", "-X", "utf8", str(_CHILD), order),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            return await _heard(child)
    except TimeoutError as error:
        raise Refused("inspection_timed_out", f"took longer than {seconds} seconds") from error
    finally:
        await _ended(child)


async def _heard(child: asyncio.subprocess.Process) -> tuple[int, bytes]:
    said = b""
    while piece := await _out(child).read(ANSWER_BYTES):
        said += piece
        if len(said) > ANSWER_BYTES:
            raise Refused("inspection_failed", "the child said too much")
    return await child.wait(), said


async def _ended(child: asyncio.subprocess.Process) -> None:
    """Kill and reap. Cancelled once more in here, the loop's own watcher still reaps what was killed."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
    # wait() returns only after the pipe has ended, and the pipe only after it was read.
    while await _out(child).read(ANSWER_BYTES):
        pass
    await child.wait()


def _out(child: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if child.stdout is None:
        raise RuntimeError("the child was started without a pipe")
    return child.stdout
