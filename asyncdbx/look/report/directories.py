"""The largest directories of DBFS: what lies in each, and with everything below."""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncdbx.look.duck import Duck

__all__ = ["Directories", "Directory", "TopLevel", "directories_of"]

LARGEST = 25
TOP_LEVEL = 300

# Files are added up by directory once; all else is computed of directories, of which there
# are far fewer. A directory without files of its own has no row.
OWN = """
CREATE OR REPLACE TEMP TABLE directory AS
SELECT
    workspace,
    coalesce(parent, '/') AS path,
    sum(coalesce(file_size, 0)) AS bytes,
    count(*) AS files
FROM dbfs WHERE NOT is_dir
GROUP BY ALL"""
BIGGEST = """
WITH biggest AS (
    SELECT * FROM directory ORDER BY bytes DESC, files DESC, workspace, path LIMIT ?
)
SELECT
    one.workspace, one.path, one.bytes, one.files, sum(below.bytes), sum(below.files)
FROM biggest one
JOIN directory below
ON below.workspace = one.workspace
AND (below.path = one.path OR starts_with(below.path, rtrim(one.path, '/') || '/'))
GROUP BY ALL
ORDER BY one.bytes DESC, one.files DESC, one.workspace, one.path"""
TOPS = """
SELECT
    workspace, '/' || split_part(path, '/', 2) AS top, sum(bytes) AS size, sum(files)
FROM directory
GROUP BY ALL
ORDER BY size DESC, workspace, top"""


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that is large by what lies in it itself.

    Attributes:
        workspace: Name of the workspace.
        path: Its path.
        bytes: Of the files in it.
        files: How many these are.
        all_bytes: Of the files in it and everywhere below.
        all_files: How many these are.
    """

    workspace: str
    path: str
    bytes: int
    files: int
    all_bytes: int
    all_files: int


@dataclass(frozen=True, slots=True)
class TopLevel:
    """A directory below the root, with everything below it.

    Attributes:
        workspace: Name of the workspace.
        path: Its path; ``/`` for the files in the root itself.
        bytes: Of all files.
        files: How many these are.
    """

    workspace: str
    path: str
    bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class Directories:
    """What lies how large in DBFS.

    Attributes:
        largest: By what lies in them themselves.
        tops: By what lies anywhere below.
        more: How many of these there are besides.
        bytes: Of all files.
        files: How many these are.
    """

    largest: Sequence[Directory]
    tops: Sequence[TopLevel]
    more: int
    bytes: int
    files: int


def directories_of(duck: Duck) -> Directories:
    """Return the largest directories, out of the view ``dbfs``."""
    duck.run(OWN)
    tops = [TopLevel(*row) for row in duck.run(TOPS).rows()]
    return Directories(
        [Directory(*row) for row in duck.run(BIGGEST, [LARGEST]).rows()],
        tops[:TOP_LEVEL],
        len(tops[TOP_LEVEL:]),
        sum(each.bytes for each in tops),
        sum(each.files for each in tops),
    )
