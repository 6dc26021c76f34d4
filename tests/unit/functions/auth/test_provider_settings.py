"""Which providers there are, and what a request to one holds."""

import base64
import hashlib

import pytest

from functions.auth import providers
from functions.auth.errors import NoSuchProvider
from functions.auth.providers import Started
from functions.auth.providers.discovery import is_safe
from functions.auth.providers.github import GitHub
from functions.auth.providers.openid import OpenIdProvider, basic, with_query
from shared_code.errors import InvalidSetting, NotConfigured


def test_without_the_setting_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTH_PROVIDERS", raising=False)
    assert providers.names() == []
    with pytest.raises(NoSuchProvider):
        providers.named("google")


def test_presets_need_a_client_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_PROVIDERS", " google, microsoft ,github")
    for name in ("GOOGLE", "MICROSOFT", "GITHUB"):
        monkeypatch.setenv(f"AUTH_PROVIDER_{name}_CLIENT_ID", f"id of {name}")
    google, microsoft, github = (providers.named(each) for each in providers.names())
    assert google == OpenIdProvider(
        "https://accounts.google.com", "id of GOOGLE", None, "openid email profile"
    )
    assert isinstance(microsoft, OpenIdProvider)
    assert microsoft.issuer == "https://login.microsoftonline.com/common/v2.0"
    assert github == GitHub("https://github.com", "id of GITHUB", "")


def test_any_other_needs_an_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_PROVIDERS", "acme")
    monkeypatch.setenv("AUTH_PROVIDER_ACME_CLIENT_ID", "us")
    with pytest.raises(NotConfigured, match="AUTH_PROVIDER_ACME_ISSUER"):
        providers.named("acme")
    monkeypatch.setenv("AUTH_PROVIDER_ACME_ISSUER", "https://id.acme.example")
    monkeypatch.setenv("AUTH_PROVIDER_ACME_SCOPES", "openid")
    monkeypatch.setenv("AUTH_PROVIDER_ACME_CLIENT_SECRET", "not to be seen")
    acme = providers.named("acme")
    assert isinstance(acme, OpenIdProvider)
    assert acme.scopes == "openid"
    assert "not to be seen" not in repr(acme)


@pytest.mark.parametrize("value", ["Google", "a b", "google,google", "../x", "1a"])
def test_a_list_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AUTH_PROVIDERS", value)
    with pytest.raises(InvalidSetting):
        providers.names()


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://id.example", True),
        ("http://127.0.0.1:4000", True),
        ("http://localhost:4000", True),
        ("http://[::1]:4000", True),
        ("http://id.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("https://", False),
        ("ftp://127.0.0.1", False),
        ("", False),
    ],
)
def test_an_issuer_is_https_except_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, url: str, *, safe: bool
) -> None:
    assert is_safe(url) is safe
    if not safe and url:
        monkeypatch.setenv("AUTH_PROVIDERS", "acme")
        monkeypatch.setenv("AUTH_PROVIDER_ACME_CLIENT_ID", "us")
        monkeypatch.setenv("AUTH_PROVIDER_ACME_ISSUER", url)
        with pytest.raises(InvalidSetting):
            providers.named("acme")


def test_redirect_uris_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_REDIRECT_URIS", "https://a.example/x?y=1, https://b.example ,")
    assert providers.redirect_uris() == {"https://a.example/x?y=1", "https://b.example"}


def test_a_challenge_is_the_s256_of_a_verifier_of_43_characters() -> None:
    started = Started()
    digest = hashlib.sha256(started.verifier.encode()).digest()
    assert started.challenge == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert len(started.verifier) == 43
    assert started.nonce != started.verifier
    assert started.verifier not in repr(started)
    # RFC 7636, appendix B.
    known = Started("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "n")
    assert known.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_parameters_are_added_to_an_address_that_has_some() -> None:
    assert with_query("https://a.example/x", {"y": "1 2"}) == "https://a.example/x?y=1+2"
    assert with_query("https://a.example/x?p=b2c", {"y": "&"}) == "https://a.example/x?p=b2c&y=%26"


def test_parts_of_basic_are_encoded_first() -> None:
    assert basic("a:b", "c d") == f"Basic {base64.b64encode(b'a%3Ab:c%20d').decode()}"
