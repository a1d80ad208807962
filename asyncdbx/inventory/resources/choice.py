"""All resources by name, and which of them are wanted."""

from collections.abc import Mapping
from difflib import get_close_matches

from asyncdbx.errors import UsageError
from asyncdbx.inventory.resources.account import ACCOUNT
from asyncdbx.inventory.resources.workspace import WORKSPACE
from asyncdbx.inventory.sources import Resource

__all__ = ["RESOURCES", "choose"]


RESOURCES: Mapping[str, Resource] = {each.name: each for each in (*WORKSPACE, *ACCOUNT)}


def choose(
    only: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
) -> tuple[Resource, ...]:
    """Return the chosen resources, in the order of the contract.

    Args:
        only: Names to take; if empty, all but those that are only taken on request.
        without: Names to leave out.
        also: Names to take besides.

    Raises:
        UsageError: a name is no resource, or nothing is left.
    """
    for name in (*only, *without, *also):
        if name not in RESOURCES:
            close = get_close_matches(name, RESOURCES, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise UsageError(
                f"no resource {name!r}{hint} There are: {', '.join(RESOURCES)}"
            )
    wanted = only or [name for name, each in RESOURCES.items() if not each.on_request]
    chosen = [
        each
        for name, each in RESOURCES.items()
        if (name in wanted or name in also) and name not in without
    ]
    if not chosen:
        raise UsageError("no resource is left to list")
    return tuple(chosen)
