"""The three trees of a workspace: which call lists a directory, and which records are one.

Pure. One level per call; nobody offers a recursive listing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asyncdbx.errors import UsageError

__all__ = ["TREES", "Tree", "tree_of"]

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tree:
    """One kind of tree.

    Attributes:
        scheme: What a path of it begins with when people write it.
        endpoint: Lists one directory.
        argument: The argument of it that takes the directory.
        is_directory: Whether a record of a listing can be descended into.
        size: The field with a file's size in bytes; "" if there is none.
    """

    scheme: str
    endpoint: str
    argument: str
    is_directory: Callable[[Record], bool]
    size: str = ""

    def below(self, directory: str, record: Record) -> str | None:
        """Return the directory that ``record`` is, or None if there is nothing below.

        A path that does not lie below ``directory`` is not descended into: a file lists
        itself, and a loop cannot happen.
        """
        path = record.get("path")
        if not isinstance(path, str) or not self.is_directory(record):
            return None
        prefix = directory.rstrip("/") + "/"
        return path if path.startswith(prefix) and len(path) > len(prefix) else None

    def strays(self, directory: str, record: Record) -> bool:
        """Return whether ``record`` is a directory that cannot be descended into.

        It is listed in ``directory`` but has its path elsewhere, or none: what is below it
        stays unseen, and a walk must not look whole without it.
        """
        if not self.is_directory(record) or self.below(directory, record) is not None:
            return False
        path = record.get("path")
        return not isinstance(path, str) or path.rstrip("/") != directory.rstrip("/")


def _is_dir(record: Record) -> bool:
    return record.get("is_dir") is True


def _is_directory(record: Record) -> bool:
    return record.get("is_directory") is True


def _has_children(record: Record) -> bool:
    return record.get("object_type") in {"DIRECTORY", "REPO"}


DBFS = Tree("dbfs:/", "dbfs.list", "path", _is_dir, "file_size")
WORKSPACE = Tree("/Workspace/", "workspace.list", "path", _has_children, "size")
VOLUMES = Tree(
    "/Volumes/",
    "files.list_directory_contents",
    "directory_path",
    _is_directory,
    "file_size",
)

TREES = {tree.endpoint: tree for tree in (DBFS, WORKSPACE, VOLUMES)}


def tree_of(path: str) -> tuple[Tree, str]:
    """Return the tree of a path and the path as its endpoint wants it.

    Args:
        path: ``dbfs:/…``, ``/Workspace/…`` or ``/Volumes/…``.

    Raises:
        UsageError: the path belongs to none of them.
    """
    clean = path.rstrip("/")
    if path.startswith("dbfs:/"):
        return DBFS, clean.removeprefix("dbfs:") or "/"
    if clean == "/Workspace" or path.startswith("/Workspace/"):
        return WORKSPACE, clean.removeprefix("/Workspace") or "/"
    if path.startswith("/Volumes/"):
        return VOLUMES, clean
    raise UsageError(
        f"{path!r} is no path of a tree; it begins with dbfs:/, /Workspace/ or /Volumes/"
    )
