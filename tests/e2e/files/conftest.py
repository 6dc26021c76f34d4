"""What the tests of files over HTTP share."""

import pytest

from tests.harness.api import Api
from tests.harness.files import Files


@pytest.fixture
def files(api: Api) -> Files:
    """The files of the stack."""
    return Files(api)
