"""File tickets: chat's word to `files` that a reader may have a file which a message carries.

A ticket is a JWT that chat issues and `files` verifies offline, under a secret that the two share; in the
message's author it names on whose right the file is opened. Invariant: one algorithm (HS256), `typ`
`file-ticket+jwt`, this issuer and audience, every claim, 60 seconds, for one reader and one file. What does
not hold is not told, and no error carries the secret or the ticket.

The secret can be changed without a refusal: what the optional setting FILE_TICKET_SECRET_PREVIOUS signs is
accepted as well, and everything new is signed with the present one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared_code.clock import utcnow
from shared_code.errors import Forbidden, InvalidSetting
from shared_code.ids import new_id
from shared_code.settings import optional_setting, setting

SETTING = "FILE_TICKET_SECRET"
PREVIOUS_SETTING = "FILE_TICKET_SECRET_PREVIOUS"
ALGORITHM = "HS256"
TICKET_TYPE = "file-ticket+jwt"
ISSUER = "chat"
AUDIENCE = "files"
LIFETIME_SECONDS = 60
REQUIRED_CLAIMS = ("iss", "aud", "sub", "fil", "rid", "aut", "iat", "exp", "jti")
MAX_TICKET_LENGTH = 2048
_MIN_SECRET_LENGTH = 32
# Machines' clocks differ by a little: a ticket that another one has just issued is not from the future.
_CLOCK_SKEW_SECONDS = 5


class InvalidFileTicket(Forbidden):
    """Not a ticket of chat's for this file and reader, or too late: which is not told."""

    code = "invalid_file_ticket"
    title = "The ticket does not open this file, or has expired"


@dataclass(frozen=True)
class FileTicket:
    """What a ticket proves: chat lets the reader have the file, which the author's message carries."""

    reader_id: str
    file_id: str
    room_id: str
    author_id: str


def issue(*, reader_id: str, file_id: str, room_id: str, author_id: str) -> tuple[str, datetime]:
    """A ticket, and when it expires. No round trip. Raises NotConfigured, InvalidSetting."""
    import jwt

    issued_at = utcnow().replace(microsecond=0)
    expires_at = issued_at + timedelta(seconds=LIFETIME_SECONDS)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": reader_id,
        "fil": file_id,
        "rid": room_id,
        "aut": author_id,
        "iat": issued_at,
        "exp": expires_at,
        "jti": new_id("tkt"),
    }
    secret = _usable(SETTING, setting(SETTING))
    ticket = jwt.encode(claims, secret, algorithm=ALGORITHM, headers={"typ": TICKET_TYPE})
    return ticket, expires_at


def verify(ticket: str, file_id: str, reader_id: str) -> FileTicket:
    """What the ticket proves, if it is for this file and this reader.

    No round trip. Raises InvalidFileTicket, and NotConfigured or InvalidSetting for an unusable secret.
    """
    secrets = _secrets()
    if len(ticket) > MAX_TICKET_LENGTH:
        raise InvalidFileTicket
    claims = _claims(ticket, secrets)
    proven = FileTicket(
        reader_id=_text(claims, "sub"),
        file_id=_text(claims, "fil"),
        room_id=_text(claims, "rid"),
        author_id=_text(claims, "aut"),
    )
    # Chat issues none that lives longer; one that does was made by a fault, and would outlive a membership.
    lifetime = _whole(claims, "exp") - _whole(claims, "iat")
    is_short = lifetime <= LIFETIME_SECONDS + _CLOCK_SKEW_SECONDS
    if not is_short or (proven.file_id, proven.reader_id) != (file_id, reader_id):
        raise InvalidFileTicket
    return proven


def _claims(ticket: str, secrets: list[str]) -> dict[str, Any]:
    """The claims of a ticket that one of the secrets has signed. Raises InvalidFileTicket."""
    import jwt

    for secret in secrets:
        try:
            return _decoded(ticket, secret)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError, OverflowError) as error:
            raise InvalidFileTicket from error
    raise InvalidFileTicket


def _decoded(ticket: str, secret: str) -> dict[str, Any]:
    """The claims of a signed ticket. PyJWT checks neither `typ` nor that a claim is there unless told."""
    import jwt

    decoded = jwt.decode_complete(
        ticket,
        secret,
        algorithms=[ALGORITHM],
        audience=AUDIENCE,
        issuer=ISSUER,
        leeway=_CLOCK_SKEW_SECONDS,
        options={"require": list(REQUIRED_CLAIMS), "strict_aud": True},
    )
    if decoded["header"].get("typ") != TICKET_TYPE:
        raise jwt.InvalidTokenError
    claims: dict[str, Any] = decoded["payload"]
    return claims


def _secrets() -> list[str]:
    """The secrets that are accepted. Raises NotConfigured, InvalidSetting."""
    found = [_usable(SETTING, setting(SETTING))]
    if previous := optional_setting(PREVIOUS_SETTING):
        found.append(_usable(PREVIOUS_SETTING, previous))
    return found


def _usable(name: str, secret: str) -> str:
    if len(secret) < _MIN_SECRET_LENGTH:
        raise InvalidSetting(name)
    return secret


def _text(claims: dict[str, Any], name: str) -> str:
    """A claim that is an id. Raises InvalidFileTicket."""
    value = claims[name]
    if not isinstance(value, str) or not value:
        raise InvalidFileTicket
    return value


def _whole(claims: dict[str, Any], name: str) -> int:
    """A claim that is a whole number. Raises InvalidFileTicket."""
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidFileTicket
    return value
