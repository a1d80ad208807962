"""What is printed of a runtime's support, wherever one is printed."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from asyncdbx.cli.output import Column
from asyncdbx.runtime_version import (
    RuntimeVersion,
    is_supported,
    support_end,
)

__all__ = ["SUPPORT", "SUPPORT_FACTS", "Facts", "fact", "support_facts"]

Facts = dict[str, Any]


def support_facts(version: RuntimeVersion, today: date) -> Facts:
    """Return what is known of a version's support, null where nothing is."""
    return {
        "support_ends": support_end(version),
        "supported": is_supported(version, today),
    }


def fact(name: str) -> Column[Facts]:
    """Return the column of a fact."""

    def value(facts: Facts) -> Any:
        return facts[name]

    return Column(name, value)


def _in_words(facts: Facts) -> str:
    day = facts["support_ends"]
    match facts["supported"]:
        case True:
            return f"until {day}"
        case False:
            return f"ended {day or ''}".rstrip()
        case _:
            return ""


SUPPORT: Column[Facts] = Column("support", _in_words)
SUPPORT_FACTS: Sequence[Column[Facts]] = [
    fact(name) for name in ("support_ends", "supported")
]
