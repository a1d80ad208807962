"""What a command line did, as tests of the command line see it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """The JSON of every line of stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


Asyncdbx = Callable[..., Ran]
