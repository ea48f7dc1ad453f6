"""Each test of the wheel runs with the interpreters that are there."""

import pytest

from harness.packages import interpreters


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `interpreter` runs with each of them."""
    if "interpreter" in metafunc.fixturenames:
        found = interpreters()
        metafunc.parametrize("interpreter", found.values(), ids=found.keys())
