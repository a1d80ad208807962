"""Limits that limit nothing, for tests of other things."""

from pathlib import Path

import pytest
from inventoried import UNLIMITED

from asyncdbx.catalog.limits import Limits


@pytest.fixture(scope="session")
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> Limits:
    """No rate limits."""
    file: Path = tmp_path_factory.mktemp("limits") / "limits.toml"
    file.write_text(UNLIMITED)
    return Limits.load(file)
