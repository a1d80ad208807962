"""Many listings in few words: each of some resources in each of some workspaces. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Block", "blocks"]


@dataclass(frozen=True, slots=True)
class Block:
    """Each of some resources in each of some workspaces."""

    workspaces: Sequence[str]
    resources: Sequence[str]

    @property
    def listings(self) -> int:
        """How many there are."""
        return len(self.workspaces) * len(self.resources)


def blocks(keys: Iterable[tuple[str, str]]) -> list[Block]:
    """Return listings by workspaces that have the same resources among them."""
    resources: Mapping[str, list[str]] = defaultdict(list)
    for workspace, resource in keys:
        resources[workspace].append(resource)
    workspaces: Mapping[tuple[str, ...], list[str]] = defaultdict(list)
    for workspace, names in resources.items():
        workspaces[tuple(names)].append(workspace)
    return [Block(tuple(names), each) for each, names in workspaces.items()]
