"""Where this host keeps what it remembers between runs, and what a lane is called there."""

import platform
from collections.abc import Container, Mapping
from pathlib import Path

from asyncdbx.config.workspace import WorkspaceConfig

__all__ = ["LANES", "lane_group", "lane_key", "lanes_path"]

LANES = "ASYNCDBX_LANES"


def lanes_path(environ: Mapping[str, str], home: Path) -> Path | None:
    """Return the file in which lanes are kept; None if the user wants none.

    A home may be on a disk that several hosts share, so the file has the host's name.

    Args:
        environ: ``ASYNCDBX_LANES`` names another file, or says ``off``.
        home: The user's home folder.
    """
    said = environ.get(LANES, "")
    if said == "off":
        return None
    if said:
        return Path(said).expanduser()
    state = environ.get("XDG_STATE_HOME", "")
    folder = Path(state) if state.startswith("/") else home / ".local" / "state"
    return folder / "asyncdbx" / f"lanes-{platform.node() or 'here'}"


def lane_key(config: WorkspaceConfig, group: str) -> str:
    """Return what a lane is called in the file of this host."""
    place = (config.host, config.account_id, config.workspace_id)
    return " ".join((*filter(None, place), group))


def lane_group(
    config: WorkspaceConfig, key: str, groups: Container[str] = ()
) -> str | None:
    """Return the limit group in what ``lane_key`` made; None if the lane is another's.

    Args:
        config: Whose lane it may be.
        key: What the lane is called.
        groups: Names that may have a blank in them. Any other blank is behind an id: of
            several workspaces on one host, or of their account.
    """
    begin = lane_key(config, "")
    group = key.removeprefix(begin)
    if group == key or (" " in group and group not in groups):
        return None
    return group
