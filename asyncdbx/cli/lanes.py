"""What this host remembers of the lanes of workspaces, and how it is forgotten."""

import os
import time
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from asyncdbx.config import WorkspaceConfig, lane_group
from asyncdbx.limiter import Learned, learned_of, opened

__all__ = ["Memory", "forget", "is_used"]


class Memory:
    """What the file of this host says.

    Args:
        path: The file; None if there is none.

    Raises:
        ConfigError: it cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        self._by_host: dict[str, dict[str, Learned]] = {}
        if path is None:
            return
        with opened(path) as file:
            for record in file.records():
                if said := learned_of(record):
                    host = record.key.partition(" ")[0]
                    self._by_host.setdefault(host, {})[record.key] = said

    def of(self, config: WorkspaceConfig, groups: Container[str]) -> Mapping[str, Learned]:
        """Return what is remembered of a workspace's lanes, by limit group.

        Args:
            config: The workspace.
            groups: Names of limit groups, as of ``lane_group``.
        """
        return {
            group: said
            for key, said in self._by_host.get(config.host, {}).items()
            if (group := lane_group(config, key, groups)) is not None
        }


def forget(
    path: Path | None, configs: Sequence[WorkspaceConfig], groups: Container[str]
) -> int:
    """Forget what has been learned of workspaces, and return of how many lanes.

    Args:
        path: The file; None if there is none.
        configs: The workspaces; an empty list means every lane that is known.
        groups: Names of limit groups, as of ``lane_group``.

    Raises:
        ConfigError: the file cannot be used.
    """

    def is_meant(key: str) -> bool:
        whose = (lane_group(config, key, groups) for config in configs)
        return not configs or any(group is not None for group in whose)

    if path is None:
        return 0
    with opened(path) as file:
        known = [each for each in file.records() if learned_of(each) and is_meant(each.key)]
        for record in known:
            record.forget()
    return len(known)


def is_used(learned: Learned) -> bool:
    """Return whether the process that wrote of a lane is using it still."""
    if not learned.is_live(time.monotonic()):
        return False
    if os.name != "posix":  # pragma: no cover - elsewhere 0 is a signal like others
        return True
    try:
        os.kill(int(learned.writer), 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
