"""The API of a running stack, for tests that go the whole way."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.harness.api import Api
from tests.harness.stack import Stack


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[Api]:
    """The API, with a connection pool of this test's own."""
    async with aiohttp.ClientSession() as session:
        yield Api(session, stack.functions)
