"""Which of the cases are played: how replies are cut is the engine's matter, and both Rust drivers play every cut."""

import os

import pytest

ENGINE = ("rust", "rust-tokio")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The other languages play each case once, unless `FREESMTP_ALL_SPLITS=1` asks for every cut."""
    if os.environ.get("FREESMTP_ALL_SPLITS") == "1":
        return
    left_out = [item for item in items if not _is_played(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _is_played(item)]


def _is_played(item: pytest.Item) -> bool:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if "case" not in parameters or parameters["language"] in ENGINE:
        return True
    return bool(parameters["split"] == parameters["case"].splits[0])
