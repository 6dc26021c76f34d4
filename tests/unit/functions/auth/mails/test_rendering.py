"""How mails read: every template whole, in text and HTML, whatever strangers call themselves."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from functions.auth.mails import TemplateName, checked
from functions.auth.mails.rendering import (
    PRODUCT_NAME,
    Rendered,
    in_words,
    life_of,
    masked,
    render,
    shown,
)
from functions.auth.mails.values import VALUES
from functions.auth.policy import CODE_LIFE
from shared_code.errors import InvalidSetting
from tests.harness.mails import CaughtMail

AT = datetime(2026, 11, 27, 9, 24, tzinfo=UTC)
LINK = "https://app.example/auth/links/verify_email#token=usr_1.verify.a-b_c&x=%22"
HOSTILE = '<img src=x onerror=alert(1)>\r\nSet it here: http://evil.example/"\u202e a@evil.example'
ALL: dict[str, str] = {
    "link": LINK,
    "code": "012345",
    "new_email": "ada@example.com",
    "factor": "passkey",
    "change": "removed",
    "provider": "acme",
    "became": "linked",
    "workspace": HOSTILE,
    "expires_at": "2026-12-11T10:00:00.000Z",
    "erase_at": "2026-12-11T10:00:00.000Z",
    "device": HOSTILE,
    "address": HOSTILE,
}
TEMPLATES = sorted(VALUES)


def read(template: TemplateName, **values: str) -> Rendered:
    return render(template, checked(template, {**ALL, **values}), AT)


def as_caught(mail: Rendered) -> CaughtMail:
    return CaughtMail((), "", mail.subject, mail.text, mail.html, "", {})


def needs(template: TemplateName) -> set[str]:
    return set(VALUES[template].model_fields)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_mail_reads_whole_in_text_and_html(template: TemplateName) -> None:
    mail = read(template)
    assert 5 < len(mail.subject) < 60
    assert mail.subject.isprintable()
    for body in (mail.text, mail.html):
        assert "Atrium" in body
        assert not re.search(r"\{\{|\{%|\bNone\b|Undefined", body)
    assert "<" not in mail.text.replace(shown(HOSTILE), "")
    assert mail.html.startswith("<!DOCTYPE html>")
    assert mail.html.rstrip().endswith("</html>")
    assert f"<title>{mail.subject}</title>" in mail.html


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_mail_has_the_link_and_the_code_that_it_is_about_and_no_other(
    template: TemplateName,
) -> None:
    mail = as_caught(read(template))
    assert mail.links == ([LINK] if "link" in needs(template) else [])
    if "code" in needs(template):
        assert mail.code == "012345"
    else:
        assert "012345" not in mail.text + mail.html


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_value_that_is_missing_is_an_error_before_there_is_an_event(
    template: TemplateName,
) -> None:
    fields = VALUES[template].model_fields
    for name in [each for each, field in fields.items() if field.is_required()]:
        without = {key: value for key, value in ALL.items() if key != name}
        with pytest.raises(ValidationError, match=name):
            checked(template, without)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("link", "javascript:alert(1)"),
        ("link", "https://app.example/\r\nBcc: a@b.example"),
        ("link", 'https://app.example/"onclick='),
        ("code", "12345"),
        ("code", "<b>123"),
    ],
)
def test_a_value_of_another_form_is_an_error_that_does_not_show_it(name: str, value: str) -> None:
    with pytest.raises(ValidationError) as caught:
        checked("verify_email", {**ALL, name: value})
    assert value not in str(caught.value)


def test_what_strangers_call_themselves_is_text_on_one_line_that_links_nowhere() -> None:
    mail = read("new_sign_in")
    assert "<img" not in mail.html
    assert "&lt;img src=x onerror=alert(1)&gt;" in mail.html
    for body in (mail.text, mail.html):
        assert "evil.example" not in body
        assert "://evil" not in body
        assert "\u202e" not in body
    [line] = [line for line in mail.text.splitlines() if "Device" in line]
    assert line.endswith('Set it here: http: evil. example/" a at evil. example')
    assert "Mozilla/5.0 (X11; Linux x86_64)" in shown("Mozilla/5.0 (X11; Linux x86_64)")
    assert len(shown("x" * 1_000)) < 130


def test_the_new_address_is_shown_to_the_old_one_in_part_only() -> None:
    mail = read("confirm_email_change")
    for body in (mail.text, mail.html):
        assert "a***@e***.com" in body
        assert "ada@example.com" not in body


@pytest.mark.parametrize(
    ("address", "expected"),
    [("a@b.co.uk", "a***@b***.uk"), ("ada@bücher.example", "a***@b***.example")],
)
def test_masking(address: str, expected: str) -> None:
    assert masked(address) == expected


def test_every_link_that_ends_has_a_mail_that_says_when() -> None:
    for purpose, life in CODE_LIFE.items():
        mail = read(purpose)
        assert in_words(life) in mail.text
        assert in_words(life) in mail.html
        assert life_of(purpose) == life
    assert life_of("password_changed") is None


@pytest.mark.parametrize(
    ("life", "words"),
    [
        (timedelta(hours=24), "24 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(minutes=1), "1 minute"),
    ],
)
def test_lives_in_words(life: timedelta, words: str) -> None:
    assert in_words(life) == words


def test_the_product_has_the_name_that_the_setting_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRODUCT_NAME, "Tom & <Co>")
    mail = read("password_changed")
    assert "Tom & <Co>" in mail.text
    assert "Tom &amp; &lt;Co&gt;" in mail.html
    monkeypatch.setenv(PRODUCT_NAME, "Atrium\r\nBcc: a@b.example")
    with pytest.raises(InvalidSetting):
        read("password_changed")
