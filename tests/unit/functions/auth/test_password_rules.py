"""Which passwords are refused for what they are; what was stolen is asked of a real server elsewhere."""

import pytest

from functions.auth.errors import PasswordTooCommon, PasswordTooGuessable
from functions.auth.models import MIN_PASSWORD_LENGTH
from functions.auth.password_rules import _common, check


async def checked(password: str) -> None:
    await check(password, "Anna.Smith@Big-Corp.example.com", "Anna Smith-Jones")


@pytest.mark.parametrize(
    "password",
    [
        "anna.smith@big-corp.example.com",
        "anna.smith",
        "Anna Smith-Jones",
        " annasmith ",
        "SmithJones1987!",
        "jones&smith&jones",
        "2024-Jones",
        "anna1234",
        "anna_smith_12345678",
        "big-corp.example.com",
        "BigCorpExample1",
        "Atrium2026!",
        "\N{FULLWIDTH LATIN SMALL LETTER A}nna1234",
    ],
)
async def test_a_password_that_says_who_its_owner_is_or_what_it_opens_is_refused(
    password: str,
) -> None:
    with pytest.raises(PasswordTooGuessable) as caught:
        await checked(password)
    assert [each["code"] for each in caught.value.fields] == ["password_too_guessable"]


async def test_an_operator_can_name_more_words(monkeypatch: pytest.MonkeyPatch) -> None:
    await checked("Contoso Voyager 1")
    monkeypatch.setenv("AUTH_CONTEXT_WORDS", "Contoso Voyager, Acme")
    for password in ("Contoso Voyager 1", "voyager2026", "acme12345"):
        with pytest.raises(PasswordTooGuessable):
            await checked(password)


@pytest.mark.parametrize(
    "password", ["password", "PassWord", "qwertyuiop", "1234567890", "asdfasdf"]
)
async def test_a_common_password_is_refused_in_any_case(password: str) -> None:
    with pytest.raises(PasswordTooCommon) as caught:
        await check(password, "a@example.com", "Ann", field="new_password")
    (told,) = caught.value.fields
    assert (told["field"], told["code"]) == ("new_password", "password_too_common")


def test_the_list_holds_more_than_3000_that_are_long_enough_to_be_tried() -> None:
    assert sum(len(each) >= MIN_PASSWORD_LENGTH for each in _common()) > 10_000
    assert all(each == each.casefold() for each in _common())


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "anna smith lives here", "Ξεσκεπάζω την ψυχοφθόρα", "\ud800" * 8],
)
async def test_any_other_password_is_taken_as_it_is(password: str) -> None:
    await checked(password)
    await check(password, "x@y.example", "!!!")


async def test_a_name_without_letters_says_nothing_about_passwords() -> None:
    await check("83927461", "x@y.example", "---")
