"""Which providers there are, by settings.

    AUTH_PROVIDERS                       google,microsoft,github,acme
    AUTH_PROVIDER_<NAME>_CLIENT_ID       and _CLIENT_SECRET, if the client has one
    AUTH_PROVIDER_<NAME>_ISSUER          where it is no preset, or to take another (a tenant)
    AUTH_PROVIDER_<NAME>_SCOPES          default: openid email profile
    AUTH_REDIRECT_URIS                   pages of the product, comma-separated, compared exactly

Invariant: a provider that is not named here, or is incomplete, does not exist; an issuer is https, except on
this machine.
"""

import re

from functions.auth.errors import NoSuchProvider
from functions.auth.providers.asking import Provider
from functions.auth.providers.discovery import is_safe
from functions.auth.providers.github import GitHub
from functions.auth.providers.openid import OpenIdProvider
from shared_code.errors import InvalidSetting
from shared_code.settings import optional_setting, setting

PROVIDERS = "AUTH_PROVIDERS"
REDIRECT_URIS = "AUTH_REDIRECT_URIS"
GITHUB = "github"
PRESETS = {
    "google": "https://accounts.google.com",
    "microsoft": "https://login.microsoftonline.com/common/v2.0",
    GITHUB: "https://github.com",
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_SCOPES = "openid email profile"


def names() -> list[str]:
    """The names of the providers, in the order of the setting. Raises InvalidSetting."""
    found = [each.strip() for each in (optional_setting(PROVIDERS) or "").split(",")]
    found = [each for each in found if each]
    if any(_NAME.fullmatch(each) is None for each in found) or len({*found}) < len(found):
        raise InvalidSetting(PROVIDERS)
    return found


def named(name: str) -> Provider:
    """The provider of this name. Raises NoSuchProvider; NotConfigured where its settings are incomplete."""
    if name not in names():
        raise NoSuchProvider
    prefix = f"AUTH_PROVIDER_{name.upper()}"
    issuer = _issuer(f"{prefix}_ISSUER", PRESETS.get(name))
    client_id = setting(f"{prefix}_CLIENT_ID")
    secret = optional_setting(f"{prefix}_CLIENT_SECRET")
    if name == GITHUB:
        return GitHub(issuer, client_id, secret or "")
    scopes = optional_setting(f"{prefix}_SCOPES") or _SCOPES
    return OpenIdProvider(issuer, client_id, secret, scopes)


def _issuer(name: str, preset: str | None) -> str:
    issuer = optional_setting(name) or preset or setting(name)
    if not is_safe(issuer):
        raise InvalidSetting(name)
    return issuer


def redirect_uris() -> set[str]:
    """Where a provider may send a browser back to."""
    found = (optional_setting(REDIRECT_URIS) or "").split(",")
    return {each.strip() for each in found if each.strip()}
