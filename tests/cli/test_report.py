"""``asyncdbx report`` writes one page about a run."""

import os
from pathlib import Path

import pytest
from cli_ran import Asyncdbx
from written_runs import Listed, Written, dbfs_files

FULL = Path("/dev/full")


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Two runs, the second of which lacks something."""
    written = Written(tmp_path / "inventory")
    written.run(Listed("prod", "jobs", {"1": {}}), Listed("prod", "users", {"1": {}}))
    written.run(
        Listed("prod", "jobs", {"2": {}}),
        Listed("prod", "users", status="denied", error="e"),
    )
    return written


def test_the_page_lies_in_the_inventory(asyncdbx: Asyncdbx, written: Written) -> None:
    """Where, is said on stderr; nothing else changes, and the next one replaces it."""
    before = everything(written.folder)
    ran = asyncdbx("report", str(written.folder))
    file = written.folder / "_report.html"
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"Report: {file} ({file.stat().st_size / 1000:.1f} kB)\n"
    page = file.read_text()
    assert "1 of 2 listings is not complete: prod users is denied." in page
    assert asyncdbx("report", str(written.folder)).code == 0
    assert everything(written.folder) - before == {file}
    assert asyncdbx("query", str(written.folder), "FROM jobs", "-o", "csv").code == 0
    assert written.store.tables() == ["jobs", "users"]


def test_an_older_run_has_a_page_of_its_own(asyncdbx: Asyncdbx, written: Written) -> None:
    """That of the last run stays what it is."""
    ran = asyncdbx("report", str(written.folder), "--at", "previous")
    file = written.folder / f"_report-{written.ids[0]}.html"
    assert ran.code == 0
    assert str(file) in ran.err
    assert "All 2 listings are complete." in file.read_text()
    assert not (written.folder / "_report.html").exists()


def test_anywhere_else(
    asyncdbx: Asyncdbx, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also through a link, which stays one."""
    monkeypatch.chdir(written.folder.parent)
    target, link = Path("page.html"), Path("link.html")
    link.symlink_to(target)
    ran = asyncdbx("report", "inventory", "--out", "link.html")
    assert ran.code == 0
    assert "link.html (" in ran.err
    assert link.is_symlink()
    assert target.read_text().startswith("<!doctype html>")
    assert "asyncdbx diff inventory" in target.read_text()


def test_to_stdout(asyncdbx: Asyncdbx, written: Written) -> None:
    """Nothing is said then, and nothing written."""
    before = everything(written.folder)
    ran = asyncdbx("report", str(written.folder), "--out", "-")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("<!doctype html>")
    assert ran.out.endswith("</html>")
    assert everything(written.folder) == before


def test_no_inventory(asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """It is a usage error, and nothing is made."""
    ran = asyncdbx("report", str(tmp_path))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"asyncdbx: there is no inventory in {tmp_path}\n"
    assert list(tmp_path.iterdir()) == []


def test_no_such_run(asyncdbx: Asyncdbx, written: Written) -> None:
    """The runs that there are, are named."""
    ran = asyncdbx("report", str(written.folder), "--at", "1999")
    assert ran.code == 2
    assert written.ids[1] in ran.err


def test_a_place_that_cannot_be_written(asyncdbx: Asyncdbx, written: Written) -> None:
    """What is in the way is said; no half of a page is left anywhere."""
    target = written.folder / "nowhere" / "page.html"
    ran = asyncdbx("report", str(written.folder), "--out", str(target))
    assert ran.code == 2
    assert ran.err == f"asyncdbx: {target} cannot be written: No such file or directory\n"
    ran = asyncdbx("report", str(written.folder), "--out", str(written.folder))
    assert ran.code == 2
    assert ran.err == f"asyncdbx: {written.folder} cannot be written: Is a directory\n"


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_a_full_disk(asyncdbx: Asyncdbx, written: Written) -> None:
    """It is said, too."""
    ran = asyncdbx("report", str(written.folder), "--out", str(FULL))
    assert ran.code == 1
    assert ran.err.startswith("asyncdbx: /dev/full cannot be written: the disk is full; ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_inventory_that_may_only_be_read(asyncdbx: Asyncdbx, written: Written) -> None:
    """The page can go elsewhere."""
    written.folder.chmod(0o500)
    ran = asyncdbx("report", str(written.folder))
    assert ran.code == 2
    assert ran.err.endswith("_report.html cannot be written: Permission denied\n")
    assert asyncdbx("report", str(written.folder), "--out", "-").code == 0


def test_a_part_that_cannot_be_made(asyncdbx: Asyncdbx, written: Written) -> None:
    """It is named, on the page too, and the exit code says so; the rest is there."""
    written.run(Listed("prod", "dbfs", dbfs_files({"/a": 1})))
    for file in (written.folder / "dbfs").glob("workspace=*/*"):
        file.unlink()
    ran = asyncdbx("report", str(written.folder))
    assert ran.code == 3
    assert ran.err.startswith("asyncdbx: table dbfs in")
    page = (written.folder / "_report.html").read_text()
    assert "This part could not be made: table dbfs in" in page
    assert "All 1 listings" not in page
    assert "The one listing is complete." in page


def test_no_secret_is_in_it(asyncdbx: Asyncdbx, written: Written, profiles: Path) -> None:
    """Profiles are not even read."""
    profiles.write_text("[prod]\nhost = https://x.example.com\ntoken = dapi-secret\n")
    page = asyncdbx("report", str(written.folder), "--out", "-").out
    assert "dapi-secret" not in page
    assert "x.example.com" not in page


def everything(folder: Path) -> set[Path]:
    return {each for each in folder.rglob("*") if each.is_file()}
