"""``asyncdbx tree`` against a small fleet."""

import pytest
from cli_ran import Asyncdbx, Ran

from asyncdbx.simulator import Fault, Simulator

pytestmark = pytest.mark.wire


@pytest.mark.parametrize(
    ("path", "resource"), [("dbfs:/", "dbfs"), ("/Workspace", "workspace_objects")]
)
def test_every_entry_is_printed_once(
    asyncdbx: Asyncdbx, fleet: Simulator, path: str, resource: str
) -> None:
    """In its envelope, as the server sent it."""
    ran = asyncdbx("tree", path, "-p", "dev")

    truth = {row["path"]: row for row in fleet["dev"].truth(resource)}
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.lines) == len(truth)
    assert {line["record"]["path"]: line["record"] for line in ran.lines} == truth
    assert {line["resource"] for line in ran.lines} == {resource}


def test_part_of_a_tree(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """What lies below the path, and nothing beside it."""
    ran = asyncdbx("tree", "dbfs:/FileStore/", "-p", "dev")

    assert {line["id"] for line in ran.lines} == {
        row["path"]
        for row in fleet["dev"].truth("dbfs")
        if row["path"].startswith("/FileStore/")
    }


def test_a_table_has_paths_that_can_be_given_back(
    asyncdbx: Asyncdbx, fleet: Simulator
) -> None:
    """Written as people write them, with type and size."""
    rows = fleet["dev"].truth("dbfs")
    ran = asyncdbx("tree", "dbfs:/", "-p", "dev", "-o", "csv")

    assert sorted(ran.out.splitlines()[1:]) == sorted(
        f"dev,{'directory' if row['is_dir'] else 'file'},{row['file_size']},"
        f"{_quoted('dbfs:' + row['path'])}"
        for row in rows
    )
    assert ran.out.startswith("workspace,type,size,path\n")


def _quoted(text: str) -> str:
    return f'"{text}"' if "," in text else text


def test_du_sums_each_directory_at_the_top(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Largest first, the total last; entries of the root itself are in the total only."""
    rows = fleet["dev"].truth("dbfs")
    ran = asyncdbx("tree", "dbfs:/", "--du", "-p", "dev")

    tops = {f"dbfs:/{row['path'].split('/')[1]}" for row in rows if row["is_dir"]}
    total = ran.lines[-1]
    assert total == {
        "workspace": "dev",
        "path": "dbfs:/",
        "files": sum(not row["is_dir"] for row in rows),
        "directories": sum(row["is_dir"] for row in rows),
        "bytes": sum(row["file_size"] for row in rows),
    }
    assert {line["path"] for line in ran.lines[:-1]} == tops
    sizes = [line["bytes"] for line in ran.lines[:-1]]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == total["bytes"] - sum(
        row["file_size"] for row in rows if row["path"].count("/") == 1
    )


@pytest.mark.usefixtures("terminal")
def test_du_is_for_people_on_a_terminal(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Sizes have units."""
    ran = asyncdbx("tree", "dbfs:/", "--du", "-p", "dev")

    assert ran.out.splitlines()[-1].split()[2] in {"bytes", "kB", "MB", "GB", "TB", "PB"}


def test_what_could_not_be_listed_is_named(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """The rest is printed, and the exit code is 3."""
    volume, whole, denied = _volume_with_a_directory(asyncdbx, fleet)
    fleet["prod"].faults.append(Fault(f"/api/2.0/fs/directories{denied}", "deny"))
    ran = asyncdbx("tree", volume, "-p", "prod")

    assert ran.code == 3
    assert "HTTP 403 PERMISSION_DENIED" in ran.err
    assert ran.err.endswith(f"(directory_path {denied})\n")
    assert {line["id"] for line in ran.lines} == {
        line["id"] for line in whole.lines if not line["id"].startswith(f"{denied}/")
    }
    assert {line["resource"] for line in ran.lines} == {"volume_files"}


def _volume_with_a_directory(asyncdbx: Asyncdbx, fleet: Simulator) -> tuple[str, Ran, str]:
    for row in fleet["prod"].truth("volumes"):
        volume = f"/Volumes/{row['full_name'].replace('.', '/')}"
        whole = asyncdbx("tree", volume, "-p", "prod")
        for line in whole.lines:
            if line["record"]["is_directory"]:
                return volume, whole, line["id"]
    raise AssertionError("the simulator has no directory in any volume")


@pytest.mark.usefixtures("fleet")
def test_a_path_that_does_not_exist_is_a_failure(asyncdbx: Asyncdbx) -> None:
    """It has not vanished while the tree was walked: it was never there."""
    ran = asyncdbx("tree", "dbfs:/nix", "-p", "dev")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(
        "asyncdbx: dbfs.list on dev: HTTP 404 RESOURCE_DOES_NOT_EXIST"
    )


def test_a_path_of_no_tree_is_said(asyncdbx: Asyncdbx) -> None:
    """With those that there are."""
    ran = asyncdbx("tree", "/FileStore")

    assert ran.code == 2
    assert ran.err == (
        "asyncdbx: '/FileStore' is no path of a tree;"
        " it begins with dbfs:/, /Workspace/ or /Volumes/\n"
    )
