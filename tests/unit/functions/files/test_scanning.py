"""Addresses of scanners, and the one for laptops."""

from collections.abc import AsyncIterator

import pytest

from functions.files.scanning import ClamAV, EicarScanner, scanner_of

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def found(*chunks: bytes) -> str | None:
    return await EicarScanner().scan(stream(*chunks))


@pytest.mark.parametrize("chunks", [(), (b"",), (b"hello", b"", b"world"), (EICAR[:-1], b"x")])
async def test_all_but_the_test_string_is_clean(chunks: tuple[bytes, ...]) -> None:
    assert await found(*chunks) is None


async def test_the_test_string_is_found_wherever_it_stands() -> None:
    assert await found(EICAR) == "Eicar-Test-Signature"
    assert await found(b"before" + EICAR + b"after") == "Eicar-Test-Signature"


@pytest.mark.parametrize("border", range(1, len(EICAR)))
async def test_the_test_string_is_found_across_any_border(border: int) -> None:
    before, after = b"x" * 1000 + EICAR[:border], EICAR[border:] + b"y"
    assert await found(before, after) == "Eicar-Test-Signature"


async def test_the_test_string_is_found_byte_by_byte() -> None:
    single = [bytes([byte]) for byte in b"EICA" + EICAR]
    assert await found(*single) == "Eicar-Test-Signature"


async def test_parts_of_the_test_string_with_others_between_are_clean() -> None:
    assert await found(EICAR[:30], b"-", EICAR[30:]) is None


async def test_trouble_of_the_stream_is_raised_as_it_is() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a beginning"
        raise ConnectionResetError("the store went away")

    with pytest.raises(ConnectionResetError):
        await EicarScanner().scan(broken())


def test_an_address_names_a_scanner() -> None:
    assert isinstance(scanner_of("eicar:"), EicarScanner)
    assert scanner_of("clamav://scanner.internal:3310") == ClamAV(("scanner.internal", 3310))
    assert scanner_of("clamav://[::1]:3310") == ClamAV(("::1", 3310))
    assert scanner_of("clamav:///run/clamav/clamd.ctl") == ClamAV("/run/clamav/clamd.ctl")


@pytest.mark.parametrize(
    "address",
    [
        *("", "eicar", "eicar:x", "clamav:", "clamav://", "clamav:///", "clamav:/run/clamd"),
        *("clamav://host", "clamav://:3310", "clamav://host:0", "clamav://host:99999"),
        *("clamav://host:port", "clamav://[::1:3310", "clamav://host:3310/path"),
        *("clamav://user@host:3310", "clamav:///run/clamd?x=1", "clamav:///run/clamd#x"),
        *("http://host:3310", "host:3310", "/run/clamav/clamd.ctl"),
    ],
)
def test_any_other_address_is_refused_with_the_forms_there_are(address: str) -> None:
    with pytest.raises(ValueError, match="clamav://host:port, clamav:///path/to/socket or eicar:"):
        scanner_of(address)
