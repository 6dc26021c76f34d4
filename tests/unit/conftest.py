"""Unit tests reach nothing outside their process: a socket is an error here."""

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    # An event loop needs a pair of local sockets for itself.
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
