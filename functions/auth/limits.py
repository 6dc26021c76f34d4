"""How often auth lets one try: the table of its limits, and which of them a request meets.

Each `before_...` takes from its limits before the work is done, so that parallel tries count as well, and
raises TooManyRequests, having taken nothing. What only failures should count against gives back with
`succeeded`. Invariant: a stranger cannot close an account to its owner. What he can exhaust are counters that
are his own (his network's, and the pair of account and network), and those of clients that no account knows:
a device that proves to be known (`known_device`, devices.py) is counted by none of these, but by one that
only known devices of the same account share.

Where no trusted proxy tells a client's address, limits by network do not apply; the others do.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from functions.auth.store.tables import LIMITS, SETTING
from shared_code.clock import now_ms
from shared_code.endpoint import Client
from shared_code.limits import Limit, Limiter, Taken, Window, named_limits
from shared_code.storage import table

OVERRIDES = "AUTH_LIMITS"
"""Other numbers than these: `registration_network=500/300; second_factor=5/300,20/3600`."""

_MINUTES, _HOUR, _DAY = 300, 3600, 86_400

_DEFAULTS: Mapping[str, tuple[Window, ...]] = MappingProxyType(
    {
        # Failed logins: Warehouse (PyPI) has 10 in 5 minutes by user and by address, 1,000 for all.
        "login": (Window(10, _MINUTES),),
        "login_network": (Window(10, _MINUTES),),
        # Over all networks: 30 as Keycloak; 100 as NIST SP 800-63B 5.2.2, by the day.
        "login_account": (Window(30, _MINUTES), Window(100, _DAY)),
        "login_everybody": (Window(1000, _MINUTES),),
        "login_known_device": (Window(10, _MINUTES), Window(100, _DAY)),
        # One counter over all factors: Warehouse.
        "second_factor": (Window(5, _MINUTES), Window(20, _HOUR), Window(50, _DAY)),
        "second_factor_known_device": (Window(5, _MINUTES), Window(20, _HOUR), Window(50, _DAY)),
        "second_factor_network": (Window(10, _MINUTES), Window(50, _HOUR)),
        "password_proof": (Window(5, _MINUTES), Window(20, _HOUR), Window(50, _DAY)),
        # Supabase Auth, by address: sign-up 30, mails and codes 30, refresh 150, each in 5 minutes.
        "registration_network": (Window(30, _MINUTES),),
        "code": (Window(10, _MINUTES), Window(50, _DAY)),
        "code_network": (Window(30, _MINUTES),),
        "flow_network": (Window(150, _MINUTES),),
        "workspace": (Window(10, _HOUR), Window(50, _DAY)),
        "refresh_network": (Window(150, _MINUTES),),
        "mail": (Window(3, _HOUR),),
        "mail_recipient": (Window(10, _HOUR),),
        "mail_network": (Window(30, _MINUTES),),
    }
)

type Want = tuple[Limit, str]


async def before_login(email_key: str, client: Client, *, known_device: bool) -> Taken:
    """Take a try at an account's password. Give it back when it succeeds.

    Four round trips, one from a known device. Raises TooManyRequests.
    """
    if known_device:
        return await _take(_want("login_known_device", email_key))
    return await _take(
        *_by_network("login", client, email_key),
        *_by_network("login_network", client),
        _want("login_account", email_key),
        _want("login_everybody", ""),
    )


async def before_second_factor(user_id: str, client: Client, *, known_device: bool) -> Taken:
    """Take a try at a second factor, whichever. Give it back when it succeeds.

    Two round trips, one from a known device. Raises TooManyRequests.
    """
    if known_device:
        return await _take(_want("second_factor_known_device", user_id))
    return await _take(
        *_by_network("second_factor_network", client), _want("second_factor", user_id)
    )


async def before_password_proof(session_id: str) -> Taken:
    """Take a try at the password of somebody who is signed in. Give it back when it succeeds.

    By session, so that a stolen one does not keep the owner from changing his password. One round trip.
    Raises TooManyRequests.
    """
    return await _take(_want("password_proof", session_id))


async def before_registration(client: Client) -> Taken:
    """Count a registration. One round trip. Raises TooManyRequests."""
    return await _take(*_by_network("registration_network", client))


async def before_refresh(client: Client) -> Taken:
    """Take a refresh; give it back when it succeeds, as an office may have hundreds. One round trip.

    Raises TooManyRequests.
    """
    return await _take(*_by_network("refresh_network", client))


async def before_code(subject: str, client: Client) -> Taken:
    """Take a try at a code that was sent by mail. Give it back when it succeeds.

    `subject` says whose: a user's id or an address's key. By it and the network, so that strangers do not
    use up its owner's tries. Two round trips. Raises TooManyRequests.
    """
    return await _take(*_by_network("code", client, subject), *_by_network("code_network", client))


async def before_flow(client: Client) -> Taken:
    """Count a flow that somebody begins. One round trip. Raises TooManyRequests."""
    return await _take(*_by_network("flow_network", client))


async def before_workspace(user_id: str) -> Taken:
    """Count a workspace that a user makes. One round trip. Raises TooManyRequests."""
    return await _take(_want("workspace", user_id))


async def before_mail(email_key: str, purpose: str, client: Client, *, known_device: bool) -> Taken:
    """Count a mail of this purpose to this address, whether or not it has an account.

    Three round trips, one from a known device. Raises TooManyRequests.
    """
    to = f"{email_key} {purpose}"
    if known_device:
        return await _take(_want("mail", f"{to} known"))
    return await _take(
        *_by_network("mail", client, to),
        *_by_network("mail_network", client),
        _want("mail_recipient", to),
    )


async def succeeded(taken: Taken) -> None:
    """It was no failure, so it does not count. One round trip. Raises nothing."""
    await _limiter().give_back(taken)


async def sweep() -> int:
    """Delete the rows that count no more; how many they were. A timer calls it. Raises AzureError."""
    return await _limiter().sweep(now_ms())


@cache
def _limiter() -> Limiter:
    return Limiter(lambda: table(SETTING, LIMITS))


async def _take(*wants: Want) -> Taken:
    return await _limiter().take(*wants)


def _want(name: str, key: str) -> Want:
    return named_limits(OVERRIDES, _DEFAULTS)[name], key


def _by_network(name: str, client: Client, subject: str = "") -> tuple[Want, ...]:
    """What is counted by the client's network, and the subject; nothing where the network is unknown."""
    return (_want(name, f"{client.network} {subject}"),) if client.network else ()
