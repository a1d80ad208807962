"""What a page about a run is made of, out of an inventory's tables."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from written_runs import FIRST, Listed, Sampled, Written, dbfs_files

from asyncdbx.errors import StoreError, UsageError
from asyncdbx.inventory import runtimes
from asyncdbx.look.report import Report, gather
from asyncdbx.look.report.listings import FleetFacts, by_workspace, verdict_of

OLD = {"spark_version": "10.4.x-scala2.12"}  # whose support ended in March 2025
NEW = {"spark_version": "17.3.x-scala2.13"}


def made(folder: Path, at: str = "last") -> Report:
    """Gather on the morning after the second run."""
    return gather(folder, at, FIRST + timedelta(days=1, hours=5))


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """An inventory without a run."""
    return Written(tmp_path / "inventory")


def test_the_fleet_at_a_glance(written: Written) -> None:
    """What listings come to, of each workspace and of all."""
    written.run(
        Listed("dev", "clusters", {"c": {}}, calls=3, throttled=1),
        Listed("dev", "jobs", status="denied", calls=1),
        Listed("prod", "clusters", {"a": {}, "b": {}}, calls=2),
    )
    report = made(written.folder)
    ended = FIRST + timedelta(minutes=10)
    assert FleetFacts.of(report.listings) == FleetFacts(3, 2, 3, 6, 1, FIRST, ended)
    dev, prod = by_workspace(report.listings)
    assert (dev.name, dev.facts.complete, dev.facts.listings) == ("dev", 1, 2)
    assert [each.resource for each in dev.missing] == ["jobs"]
    assert (prod.name, prod.facts.calls, prod.missing) == ("prod", 2, [])
    assert report.run.id == written.ids[0]
    assert report.is_last
    assert not report.problems


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ([], "Nothing was asked for."),
        (["complete"], "The one listing is complete."),
        (["complete"] * 3, "All 3 listings are complete."),
        (["complete", "denied"], "1 of 2 listings is not complete: w1 jobs is denied."),
        (["denied"], "The one listing is not complete: w0 jobs is denied."),
        (
            ["denied", "partial"],
            "None of 2 listings is complete: w0 jobs is denied, w1 jobs is partial.",
        ),
        (
            ["partial", "complete", "unavailable", "denied", "partial"],
            "4 of 5 listings are not complete: 2 partial, 1 denied, 1 unavailable.",
        ),
    ],
)
def test_the_verdict_is_one_sentence(
    written: Written, statuses: list[str], verdict: str
) -> None:
    """A few listings are named, many are counted, the worst first."""
    written.run(*(Listed(f"w{n}", "jobs", status=each) for n, each in enumerate(statuses)))
    if statuses:
        assert verdict_of(made(written.folder).listings) == verdict
    else:
        assert verdict_of([]) == verdict


def test_what_is_missing_and_what_stands_for_it(written: Written) -> None:
    """Partial listings with what they lack; those of which nothing came, by the reason."""
    pieces = [("object", f"job_id={n:03}", 0, f"get on prod: {n % 3}") for n in range(301)]
    pieces += [("parent", "jobs", 0, "")]
    first = written.run(Listed("prod", "permissions", {"p": {}}))
    written.run(
        Listed("prod", "permissions", status="partial", error="e", missing=pieces),
        Listed("prod", "dbfs", status="partial", error="/ is not listed"),
        Listed(
            "prod",
            "tokens",
            status="denied",
            error="a.list on prod: no; b.list on prod: no",
        ),
        Listed("dev", "tokens", status="denied", error="a.list on dev: no"),
        Listed("dev", "users", status="denied", error="users.list on dev: not you"),
        Listed("prod", "secrets", status="unavailable", error="secrets.list on prod: off"),
    )
    lacking = made(written.folder).lacking
    assert lacking is not None
    permissions, dbfs = lacking.lacks
    assert (permissions.listing.resource, permissions.count) == ("permissions", 302)
    assert permissions.told == 200
    assert [(each.kind, each.why, each.count) for each in permissions.alike] == [
        ("object", "0", 101),
        ("object", "1", 100),
    ]
    assert permissions.alike[1].pieces[1] == ("job_id=004", 0)
    assert permissions.whole is not None
    assert permissions.whole == permissions.held
    assert permissions.whole.id == first
    assert (dbfs.listing.error, dbfs.count) == ("/ is not listed", 0)
    assert (dbfs.whole, dbfs.held) == (None, None)
    found = [
        (each.status, each.why, [*each.block.workspaces], [*each.block.resources])
        for each in lacking.absent
    ]
    assert found == [
        ("denied", "no", ["dev", "prod"], ["tokens"]),
        ("denied", "not you", ["dev"], ["users"]),
        ("unavailable", "off", ["prod"], ["secrets"]),
    ]


def test_what_was_merged_stands_in_the_table(written: Written) -> None:
    """Not the complete listing before it: every part of the page says the same."""
    written.run(Listed("prod", "jobs", {"1": {}}))
    written.run(Listed("prod", "jobs", {"2": {}}, "partial", published="merged"))
    written.run(Listed("prod", "jobs", status="partial"))
    report = made(written.folder)
    assert report.lacking is not None
    assert report.changes is not None
    (lack,), (older,), (tally,) = (
        report.lacking.lacks,
        report.stand_ins,
        report.changes.tallies,
    )
    assert lack.whole is not None
    assert older.run == lack.held is not None
    assert [lack.whole.id, lack.held.id] == written.ids[:2]
    assert tally.note == "as of 25 Nov 2026, 02:10 UTC: nothing newer to compare"


def test_all_that_is_to_be_said_of_a_listing_is_said(written: Written) -> None:
    """Neither run had it whole: one merged it, and the other has an older one."""
    written.run(Listed("prod", "jobs", {"1": {}}))
    written.run(Listed("prod", "jobs", status="denied"))
    written.run(Listed("prod", "jobs", {"2": {}}, "partial", published="merged"))
    report = made(written.folder)
    assert report.changes is not None
    (tally,) = report.changes.tallies
    assert tally.added == 1
    assert tally.note == (
        "as of 26 Nov 2026, 02:10 UTC, and not all of it;"
        " compared with 24 Nov 2026, 02:10 UTC"
    )


def test_much_that_is_missing_is_cut_short(written: Written) -> None:
    """The page has an end, and each listing its share."""
    pieces = [("object", f"{n:03}", 0, "e") for n in range(200)]
    written.run(
        *(
            Listed(f"w{n:03}", "jobs", status="partial", missing=pieces[: 200 - n // 100])
            for n in range(120)
        ),
        Listed("v", "jobs", status="partial", missing=pieces[:190]),
    )
    lacking = made(written.folder).lacking
    assert lacking is not None
    assert [each.told for each in lacking.lacks] == [*[200] * 15, *[5] * 85]
    assert [len(each.workspaces) for each in lacking.others] == [21]


def test_what_is_older_than_the_run(written: Written) -> None:
    """Also what was not asked for; the oldest first, what never was complete last."""
    first = written.run(
        Listed("prod", "jobs", {"j": {}}),
        Listed("prod", "users", {"u": {}}),
        Listed("gone", "jobs", {"j": {}}),
        Listed("gone", "users", {"u": {}}),
    )
    second = written.run(Listed("prod", "clusters", {"c": {}}), Listed("dev", "jobs"))
    written.run(
        Listed("prod", "jobs", status="partial"),
        Listed("prod", "users", {"u": {}}),
        Listed("prod", "secrets", status="unavailable"),
    )
    found = [
        (
            each.run and each.run.id,
            each.status,
            [*each.block.workspaces],
            [*each.block.resources],
        )
        for each in made(written.folder).stand_ins
    ]
    assert found == [
        (first, None, ["gone"], ["jobs", "users"]),
        (first, "partial", ["prod"], ["jobs"]),
        (second, None, ["dev"], ["jobs"]),
        (second, None, ["prod"], ["clusters"]),
        (None, "unavailable", ["prod"], ["secrets"]),
    ]


def test_counts_and_changes(written: Written) -> None:
    """By listing, what changed most first; and by resource."""
    written.run(
        Listed("prod", "jobs", {"1": {"a": 1}, "2": {"a": 1}, "3": {"a": 1}}),
        Listed("dev", "jobs", {"1": {}}),
        Listed("dev", "users", {"1": {}}),
    )
    written.run(
        Listed("prod", "jobs", {"1": {"a": 1}, "2": {"a": 2}, "4": {}, "5": {}}),
        Listed("prod", "users", {"1": {}}),
        Listed("dev", "jobs", status="denied"),
        Listed("dev", "users", {}),
    )
    changes = made(written.folder).changes
    assert changes is not None
    assert changes.since is not None
    assert changes.since.id == written.ids[0]
    rows = [
        (
            each.workspace,
            each.resource,
            each.records,
            each.added,
            each.removed,
            each.changed,
        )
        for each in changes.tallies
    ]
    assert rows == [
        ("prod", "jobs", 4, 2, 1, 1),
        ("dev", "users", 0, 0, 1, 0),
        ("dev", "jobs", 1, None, None, None),
        ("prod", "users", 1, None, None, None),
    ]
    assert [each.note for each in changes.tallies[2:]] == [
        "as of 24 Nov 2026, 02:10 UTC: nothing newer to compare",
        "first complete listing: not counted as added",
    ]
    jobs, users = changes.totals
    assert (jobs.resource, jobs.workspaces, jobs.records, jobs.added) == ("jobs", 2, 5, 2)
    assert (users.resource, users.workspaces, users.records, users.removed) == (
        "users",
        2,
        1,
        1,
    )


def test_the_first_run_has_no_changes(written: Written) -> None:
    """But it has counts."""
    written.run(Listed("prod", "jobs", {"1": {}}))
    changes = made(written.folder).changes
    assert changes is not None
    assert changes.since is None
    assert [(each.records, each.added) for each in changes.tallies] == [(1, None)]
    assert [(each.records, each.added) for each in changes.totals] == [(1, None)]


def test_a_run_without_a_complete_listing(written: Written) -> None:
    """There are no tables at all."""
    written.run(Listed("prod", "jobs", status="denied", error="no"))
    report = made(written.folder)
    assert not report.problems
    assert report.changes is not None
    assert report.changes.totals == []
    assert report.directories is None
    assert report.support is not None
    assert report.support.total == 0


def test_an_earlier_run(written: Written) -> None:
    """It is shown as it was, whatever came after it."""
    first = written.run(Listed("prod", "dbfs", dbfs_files({"/a/b": 7})))
    written.run(Listed("prod", "dbfs", dbfs_files({"/a/b": 8, "/a/c": 1})))
    report = made(written.folder, "previous")
    assert report.run.id == first
    assert not report.is_last
    assert report.directories is not None
    assert (report.directories.files, report.directories.bytes) == (1, 7)
    assert report.changes is not None
    assert report.changes.since is None
    last = made(written.folder).directories
    assert last is not None
    assert (last.files, last.bytes) == (2, 9)


def test_an_older_inventory_knows_less(written: Written) -> None:
    """Neither what is missing nor how lanes went."""
    written.run(
        Listed("prod", "jobs", status="partial", error="e"), lanes=None, missing=False
    )
    report = made(written.folder)
    assert not report.problems
    assert report.lacking is not None
    assert [(each.count, each.listing.error) for each in report.lacking.lacks] == [(0, "e")]
    assert report.pace is not None
    assert report.pace.lanes == []


def test_directories(written: Written) -> None:
    """By what lies in them, with everything below, and from the top."""
    sizes = {"/a/b/1": 10, "/a/b/2": 5, "/a/b/c/d/3": 7, "/a/bb/4": 2, "/5": 1, "/e f/6": 0}
    written.run(
        Listed("prod", "dbfs", dbfs_files(sizes)),
        Listed("it's", "dbfs", dbfs_files({"/a/b/1": 3})),
    )
    found = made(written.folder).directories
    assert found is not None
    rows = [
        (e.workspace, e.path, e.bytes, e.files, e.all_bytes, e.all_files)
        for e in found.largest
    ]
    assert rows == [
        ("prod", "/a/b", 15, 2, 22, 3),
        ("prod", "/a/b/c/d", 7, 1, 7, 1),
        ("it's", "/a/b", 3, 1, 3, 1),
        ("prod", "/a/bb", 2, 1, 2, 1),
        ("prod", "/", 1, 1, 25, 6),
        ("prod", "/e f", 0, 1, 0, 1),
    ]
    assert [(e.workspace, e.path, e.bytes, e.files) for e in found.tops] == [
        ("prod", "/a", 24, 4),
        ("it's", "/a", 3, 1),
        ("prod", "/", 1, 1),
        ("prod", "/e f", 0, 1),
    ]
    assert (found.files, found.bytes, found.more) == (7, 28, 0)


def test_only_directories(written: Written) -> None:
    """A listing of DBFS without any file has nothing to add up."""
    written.run(Listed("prod", "dbfs", {"/a": {"path": "/a", "is_dir": True}}))
    found = made(written.folder).directories
    assert found is not None
    assert (found.largest, found.tops, found.files, found.bytes) == ([], [], 0, 0)


def test_runtimes_out_of_support(written: Written) -> None:
    """By how long ago; of each how many, and who."""
    job = {"settings": {"name": "night", "job_clusters": [{"new_cluster": OLD}]}}
    written.run(
        Listed("prod", "clusters", {"c1": {"cluster_name": "etl", **OLD}, "c2": NEW}),
        Listed("dev", "clusters", {"c3": {"spark_version": "6.4.x-esr-scala2.11"}}),
        Listed("prod", "jobs", {"7": job}),
    )
    support = made(written.folder).support
    assert support is not None
    assert (support.total, support.without, support.soon) == (4, 3, 0)
    unknown, old = support.runtimes
    assert (unknown.name, unknown.ends, unknown.ended) == (
        "6.4.x-esr-scala2.11",
        None,
        True,
    )
    assert unknown.overdue is None
    assert (old.ends, old.overdue) == (
        date(2025, 3, 18),
        (date(2026, 11, 25) - date(2025, 3, 18)).days,
    )
    assert (old.counts, old.count) == ({"clusters": 1, "jobs": 1}, 2)
    assert [*map(str, old.users)] == ["prod etl", "prod 7"]
    assert support.as_of == date(2026, 9, 11)


def test_support_is_judged_today(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was known when a cluster was listed: one runtime is one row."""
    with monkeypatch.context() as patch:
        patch.setattr(runtimes, "support_end", lambda _: date(2040, 1, 1))
        patch.setattr(runtimes, "has_ended", lambda _: False)
        runtimes._values.cache_clear()
        written.run(Listed("prod", "clusters", {"a": OLD}))
    runtimes._values.cache_clear()
    written.run(Listed("dev", "clusters", {"b": OLD}))
    support = made(written.folder).support
    assert support is not None
    (runtime,) = support.runtimes
    assert (runtime.ended, runtime.counts) == (True, {"clusters": 2})
    assert [each.workspace for each in runtime.users] == ["dev", "prod"]


def test_runtimes_whose_support_ends_soon(written: Written) -> None:
    """They are not overdue, and come after those that are."""
    written.run(Listed("prod", "clusters", {"c": {"spark_version": "14.3.x-scala2.12"}}))
    support = made(written.folder).support
    assert support is not None
    (runtime,) = support.runtimes
    assert (runtime.ended, runtime.overdue) == (False, -68)
    assert (support.without, support.soon) == (0, 1)


def test_lanes(written: Written) -> None:
    """Those first on which calls waited longest; a run in two parts has two stretches."""
    busy = [Sampled("prod", "dbfs", n, calls=20, throttled=n == 3) for n in range(1, 101)]
    again = [Sampled("prod", "dbfs", n, calls=10) for n in range(7001, 7011)]
    idle = Sampled("prod", "jobs", 1, calls=3, rate=None, waiting=0)
    written.run(Listed("prod", "dbfs"), lanes=[*busy, *again, idle])
    pace = made(written.folder).pace
    assert pace is not None
    assert [each.seconds for each in pace.stretches] == [100, 10]
    dbfs, jobs = pace.lanes
    assert (dbfs.calls, dbfs.throttled, dbfs.held, dbfs.peak) == (2100, 1, 110, 20)
    assert (jobs.calls, jobs.held, jobs.rate) == (3, 0, None)
    (story,) = pace.stories
    assert story.lane == dbfs
    assert len(story.intervals) == 110
    assert sum(each.calls for each in story.intervals) == 2100


def test_a_folder_that_is_no_inventory(tmp_path: Path) -> None:
    """It is said, and nothing is made."""
    with pytest.raises(StoreError, match="there is no inventory"):
        made(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_an_inventory_without_a_run(written: Written) -> None:
    """There is nothing to tell of."""
    with pytest.raises(UsageError, match="there is no last run"):
        made(written.folder)


def test_a_part_that_cannot_be_read_is_left_out(written: Written) -> None:
    """All else is there, and why is said."""
    written.run(
        Listed("prod", "dbfs", dbfs_files({"/a/b": 7})), Listed("prod", "users", {"u": {}})
    )
    for file in (written.folder / "dbfs").glob("workspace=*"):
        shutil.rmtree(file)
    report = made(written.folder)
    assert report.directories is None
    assert [*report.problems] == ["directories"]
    assert "dbfs" in report.problems["directories"]
    assert report.changes is not None


def test_a_file_that_is_damaged(written: Written) -> None:
    """It costs the parts that need it, and no others."""
    written.run(Listed("prod", "clusters", {"c": OLD}), Listed("prod", "jobs"))
    for file in (written.folder / "clusters").glob("workspace=*/*"):
        file.write_bytes(b"no Parquet at all")
    report = made(written.folder)
    assert [*report.problems] == ["support"]
    assert report.lacking is not None
