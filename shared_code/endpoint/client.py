"""The client of a request: its address, what it says it is, and what browsers say about where it comes from.

Azure's front end appends the peer's `ip:port` to X-Forwarded-For. Invariant: of that header the entry that
the outermost trusted proxy wrote is believed, counted from the right (`TRUSTED_PROXY_HOPS`, default 1; with 0
nobody is believed); what stands left of it is a stranger's text. Everything else here is the client's word.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared_code.settings import whole_number_setting

SETTING = "TRUSTED_PROXY_HOPS"
_DEFAULT_HOPS = 1
_MAX_HOPS = 10
_MAX_USER_AGENT = 256
_IPV6_NETWORK_BITS = 64
_IN_BRACKETS = re.compile(r"\[([^\[\]]*)\](?::\d{1,5})?")
_WITH_PORT = re.compile(r"([\d.]+):\d{1,5}")


@dataclass(frozen=True)
class Client:
    """Who sends a request, as far as it can be known. As a parameter's type a handler gets it."""

    address: str | None = None
    """In its shortest form; None when no trusted proxy told it."""
    user_agent: str | None = None
    """At most 256 printable characters."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def network(self) -> str | None:
        """What is counted as one client: an IPv4 address, or the /64 that one customer has."""
        if self.address is None or ":" not in self.address:
            return self.address
        return str(ipaddress.ip_network(f"{self.address}/{_IPV6_NETWORK_BITS}", strict=False))

    @property
    def origin(self) -> str | None:
        """The site whose page sends it, if a browser says so."""
        return self.header("origin")

    @property
    def fetch_site(self) -> str | None:
        """How that site is related to ours, if a browser says so (Fetch Metadata)."""
        return self.header("sec-fetch-site")

    def header(self, name: str) -> str | None:
        """A header's value, or None."""
        return self.headers.get(name.lower())

    def cookie(self, name: str) -> str | None:
        """A cookie's value, or None. Of two with one name the first counts (RFC 6265 sorts them so).

        Read by hand: the standard library's parser drops every cookie when one of them is odd.
        """
        for pair in self.headers.get("cookie", "").split(";"):
            found, equals, value = pair.strip().partition("=")
            if equals and found == name:
                return value
        return None


def client_of(headers: Mapping[str, str]) -> Client:
    """The client by the headers of its request. Raises NotConfigured for an unusable setting."""
    lowered = {name.lower(): value for name, value in headers.items()}
    return Client(
        address=_address(lowered.get("x-forwarded-for", "")),
        user_agent=_printable(lowered.get("user-agent", "")),
        headers=lowered,
    )


def _address(forwarded: str) -> str | None:
    hops = whole_number_setting(SETTING, _DEFAULT_HOPS, most=_MAX_HOPS)
    entries = forwarded.split(",")
    if not 1 <= hops <= len(entries):
        return None
    return _normal(_without_port(entries[-hops].strip()))


def _without_port(entry: str) -> str:
    """`1.2.3.4` of `1.2.3.4:567`, and `2001:db8::1` of `[2001:db8::1]:567`; anything else as it is."""
    found = _IN_BRACKETS.fullmatch(entry) or _WITH_PORT.fullmatch(entry)
    return found[1] if found else entry


def _normal(text: str) -> str | None:
    """The address in its one form; IPv4 in the clothes of IPv6 is IPv4. None for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.IPv6Address(int(address)))  # without a zone


def _printable(text: str) -> str | None:
    kept = "".join(each for each in text if each.isprintable())
    return kept[:_MAX_USER_AGENT] or None
