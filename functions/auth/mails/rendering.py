"""How mails read: Jinja2 templates in text and HTML, in a layout that all share.

A template of text begins with its subject, then an empty line. Invariants: HTML is escaped without anybody's
doing, a variable without a value is an error; what came from a stranger is shown as one short line that no
mail program makes a link of.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from functions.auth.mails.values import TemplateName, Values
from functions.auth.policy import CODE_LIFE
from shared_code.errors import InvalidSetting
from shared_code.settings import optional_setting

if TYPE_CHECKING:  # imported on first use: a cold start pays for what it uses
    from jinja2 import Environment

PRODUCT_NAME = "AUTH_PRODUCT_NAME"
_DEFAULT_PRODUCT = "Atrium"
_TEMPLATES = Path(__file__).parent / "templates"
_MOST_SHOWN = 120
_FACTORS = {
    "totp": "An authenticator app was",
    "recovery_codes": "Recovery codes were",
    "passkey": "A passkey was",
}

# What mail programs make links of: a scheme, an @, a dot before a letter (`evil.example`, not `5.0`).
_LINKED = (
    (re.compile(r"://"), ": "),
    (re.compile(r"@"), " at "),
    (re.compile(r"\.(?=[^\W\d_])"), ". "),
)


@dataclass(frozen=True)
class Rendered:
    """A mail as it is read."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


def render(template: TemplateName, values: Values, at: datetime) -> Rendered:
    """The mail of a template, about what happened `at` that time. Raises InvalidSetting."""
    context = {**dict(values), "product": product_name(), "at": at}
    if life := life_of(template):
        context["life"] = in_words(life)
    whole = _environment().get_template(f"{template}.txt.j2").render(context)
    subject, _, text = whole.partition("\n")
    html = _environment().get_template(f"{template}.html.j2")
    return Rendered(subject, text.strip() + "\n", html.render(context, subject=subject))


def life_of(template: TemplateName) -> timedelta | None:
    """How long the link and the code of a mail work; None for one that has neither."""
    return next((life for purpose, life in CODE_LIFE.items() if purpose == template), None)


def product_name() -> str:
    """What mails and authenticator apps call this deployment. Raises InvalidSetting."""
    name = optional_setting(PRODUCT_NAME) or _DEFAULT_PRODUCT
    if not name.isprintable():  # it stands in subjects
        raise InvalidSetting(PRODUCT_NAME)
    return name


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["factors"] = _FACTORS
    environment.filters |= {"masked": masked, "moment": moment, "shown": shown}
    return environment


def masked(address: str) -> str:
    """`a***@e***.com`: its owner recognises it, nobody else can write to it."""
    local, _, domain = address.rpartition("@")
    name, _, top = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***.{top}"


def moment(time: datetime) -> str:
    """`27 November 2026, 09:24 UTC`."""
    utc = time.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def shown(text: str) -> str:
    """What a stranger said of himself: one short line, and no link."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    for found, instead in _LINKED:
        line = found.sub(instead, line)
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"


def in_words(life: timedelta) -> str:
    """`24 hours`, `30 minutes`."""
    minutes = round(life.total_seconds() / 60)
    count, unit = (minutes, "minute") if minutes % 60 else (minutes // 60, "hour")
    return f"{count} {unit}" + ("s" if count != 1 else "")
