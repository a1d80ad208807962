"""Where this host keeps what it remembers between runs."""

import platform
from collections.abc import Mapping
from pathlib import Path

__all__ = ["LANES", "lanes_path"]

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
