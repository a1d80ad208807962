"""Async tests run on virtual time, unless they are marked ``wire``."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], Any]]:
    if item.get_closest_marker("wire"):
        return {"real": asyncio.new_event_loop}
    return {"virtual": VirtualTimeLoop}
