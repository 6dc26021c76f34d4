"""Cookies as the worker gets them from Microsoft's library, for which it asks our parser."""

import azure.functions as func
import pytest
from azure.functions import http

from shared_code.endpoint import cookies


def parsed(header: str) -> dict[str, str | None]:
    """The Domain of each cookie, as the library hands it to the worker."""
    response = func.HttpResponse(headers={"Set-Cookie": header})
    datum = http.HttpResponseConverter.encode(response, expected_type=func.HttpResponse)
    return {name: each["domain"] for one in datum.value["cookies"] for name, each in one.items()}


def test_a_missing_domain_is_none_and_one_that_is_named_stays() -> None:
    assert parsed("__Host-a=b; Path=/; Secure; HttpOnly") == {"__Host-a": None}
    assert parsed("a=b; Domain=example.com") == {"a": "example.com"}


def test_everything_else_stays_as_it_was() -> None:
    header = "a=b; Path=/; Max-Age=5; Secure; HttpOnly; SameSite=Strict"
    (morsel,) = cookies._Cookies(header).values()
    assert morsel.value == "b"
    attributes = {key: value for key, value in morsel.items() if value}
    assert attributes == {
        "path": "/",
        "max-age": "5",
        "secure": True,
        "httponly": True,
        "samesite": "Strict",
    }


def test_a_library_without_the_name_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(http, "SimpleCookie")
    cookies.leave_out_empty_domains()
    assert not hasattr(http, "SimpleCookie")
