"""A listing that fails never looks like a short one, and hurts no other."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from inventoried import by_key, fleet_of, table, taken

from asyncdbx.catalog.limits import Limits
from asyncdbx.inventory.crawl import AHEAD, CHANCES, Crawl, Listing
from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.spool import Spool
from asyncdbx.inventory.verdict import Ended, Verdict
from asyncdbx.simulator import Fault, SimulatedWorkspace, Simulator
from asyncdbx.simulator.call import Call, Reply
from asyncdbx.simulator.desk import Admitted
from asyncdbx.simulator.host import Fuse

pytestmark = pytest.mark.wire

CLUSTERS = "/api/2.1/clusters/list"
SCOPES = "/api/2.0/secrets/scopes/list"
CATALOGS = "/api/2.1/unity-catalog/catalogs"


@pytest.fixture
async def fleet() -> AsyncIterator[Simulator]:
    """Two workspaces, prod and dev, without limits."""
    options: dict[str, Any] = {"limits": False, "account": False, "names": ("prod", "dev")}
    async with Simulator(2, scale=0.03, speed=0, **options) as simulator:
        yield simulator


@dataclass
class Place:
    """A fleet, and where its inventories go."""

    fleet: Simulator
    folder: Path
    limits: Limits

    async def take(self, *names: str, wrong: Sequence[str] = ()) -> Verdict:
        """Take an inventory."""
        fleet = fleet_of(self.fleet, limits=self.limits, wrong=wrong)
        return await taken(fleet, self.folder, *names)

    def ids(self, name: str, workspace: str) -> list[str]:
        """Return the ids in a table."""
        return [row["id"] for row in table(self.folder, name, workspace)]

    def names(self) -> set[str]:
        """Return what lies in the folder."""
        return {each.name for each in self.folder.iterdir()}


@pytest.fixture
def place(fleet: Simulator, tmp_path: Path, unlimited: Limits) -> Place:
    """A fleet, an empty folder, and no limits."""
    return Place(fleet, tmp_path / "to", unlimited)


Answers = Callable[[SimulatedWorkspace, Callable[[Call], Reply | None]], None]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Let a workspace answer some calls otherwise."""

    def install(
        workspace: SimulatedWorkspace, otherwise: Callable[[Call], Reply | None]
    ) -> None:
        desk = workspace.server.desk
        usual = desk.answer

        def answer(admitted: Admitted) -> Reply:
            return otherwise(admitted.call) or usual(admitted)

        monkeypatch.setattr(desk, "answer", answer)

    return install


def refused(status: int, code: str, message: str = "no") -> Reply:
    return Reply(orjson.dumps({"error_code": code, "message": message}), status)


def statuses(ended: dict[str, Ended]) -> dict[str, str]:
    return {key: each.status for key, each in ended.items()}


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("deny", "denied", "clusters.list on dev: HTTP 403 PERMISSION_DENIED"),
        ("login", "denied", "private link only"),
        ("disabled", "unavailable", "HTTP 404 FEATURE_DISABLED"),
        ("500", "partial", "HTTP 500 INTERNAL_ERROR"),
        ("503", "partial", "HTTP 503 TEMPORARILY_UNAVAILABLE"),
        ("429", "partial", "HTTP 429 RESOURCE_EXHAUSTED"),
        ("html", "partial", "clusters.list on dev: "),
        ("cut", "partial", "clusters.list on dev: "),
        ("reset", "partial", "clusters.list on dev: "),
        ("repeat_token", "partial", "goes back to a page it gave"),
        ("endless_tokens", "partial", "empty pages in a row"),
        ("lost_token", "partial", "gives no page token"),
        ("no_key", "partial", "an answer without 'clusters'"),
    ],
)
async def test_one_listing_that_fails_is_named_and_keeps_its_old_rows(
    place: Place,
    kind: Any,
    status: str,
    words: str,
) -> None:
    """The other listings and workspaces complete, and the exit code is 3."""
    names = ("clusters", "jobs")
    first = await place.take(*names)
    assert first.exit_code == 0
    place.fleet["dev"].faults.append(Fault(CLUSTERS, kind))
    second = await place.take(*names)
    assert second.exit_code == 3
    ended = by_key(second)
    assert statuses(ended) == {
        "prod/clusters": "complete",
        "prod/jobs": "complete",
        "dev/clusters": status,
        "dev/jobs": "complete",
    }
    assert words in ended["dev/clusters"].error
    assert [each.workspace for each in second.missing] == ["dev"]
    rows = table(place.folder, "clusters")
    runs = {row["workspace"]: row["run_id"] for row in rows}
    assert runs == {"prod": second.run_id, "dev": first.run_id}
    truths = [each.truth("clusters") for each in place.fleet.workspaces]
    assert len(rows) == sum(map(len, truths))
    listed = table(place.folder, "_listings")
    noted = [row for row in listed if row["status"] != "complete"]
    assert [(row["run_id"], row["error"]) for row in noted] == [
        (second.run_id, ended["dev/clusters"].error)
    ]


@pytest.mark.parametrize(
    ("kind", "parent", "follower"),
    [
        ("500", "partial", "partial"),
        ("deny", "denied", "partial"),
        ("disabled", "unavailable", "unavailable"),
    ],
)
async def test_what_follows_from_a_listing_that_failed_is_not_complete(
    place: Place,
    kind: Any,
    parent: str,
    follower: str,
) -> None:
    """It says why, and its rows of the run before stay, down to the grandchildren."""
    names = ("catalogs", "schemas", "tables", "volumes", "secrets", "secret_acls")
    first = await place.take(*names)
    assert first.exit_code == 0
    place.fleet["dev"].faults.extend([Fault(CATALOGS, kind), Fault(SCOPES, kind)])
    second = await place.take(*names)
    assert second.exit_code == 3
    ended = by_key(second)
    assert {key: each for key, each in statuses(ended).items() if key[:3] == "dev"} == {
        "dev/secrets": follower,
        "dev/secret_acls": follower,
        "dev/catalogs": parent,
        "dev/schemas": follower,
        "dev/tables": follower,
        "dev/volumes": follower,
    }
    assert ended["dev/tables"].error == f"schemas is {follower}, and this follows from it"
    assert ended["dev/secrets"].error == (
        f"secret_scopes is {parent}, and this follows from it"
    )
    for name in names:
        assert {row["run_id"] for row in table(place.folder, name, "dev")} == {first.run_id}


async def test_one_of_two_services_that_is_not_enabled_does_not_matter(
    place: Place,
) -> None:
    """Models of the workspace's registry are all there are where there is no catalog."""
    place.fleet["dev"].faults.append(Fault("/api/2.1/unity-catalog/models", "disabled"))
    verdict = await place.take("registered_models")
    assert verdict.exit_code == 0
    found = place.ids("registered_models", "dev")
    every = place.fleet["dev"].truth("registered_models")
    assert 0 < len(found) < len(every)


async def test_an_object_that_vanishes_is_no_error(place: Place, answers: Answers) -> None:
    """A directory, a scope and a cluster that are gone when asked leave the rest whole."""
    directory = next(
        record["path"] for record in place.fleet["dev"].truth("dbfs") if record["is_dir"]
    )
    gone: list[str] = []

    def vanish(call: Call) -> Reply | None:
        is_directory = call.path == "/api/2.0/dbfs/list" and call.query["path"] == directory
        of_cluster = call.path.startswith("/api/2.0/permissions/clusters/")
        if is_directory or of_cluster or call.path == "/api/2.0/secrets/list":
            gone.append(call.path)
            return refused(404, "RESOURCE_DOES_NOT_EXIST")
        return None

    answers(place.fleet["dev"], vanish)
    names = ("dbfs", "secrets", "permissions")
    verdict = await place.take(*names)
    assert verdict.missing == []
    assert len({path.split("/")[3] for path in gone}) == 3
    below = [
        record["path"]
        for record in place.fleet["dev"].truth("dbfs")
        if record["path"].startswith(f"{directory}/")
    ]
    every = place.fleet["dev"].truth("dbfs")
    assert len(place.ids("dbfs", "dev")) == len(every) - len(below)
    assert place.ids("secrets", "dev") == []


async def test_a_root_that_is_not_found_is_missing(place: Place, answers: Answers) -> None:
    """What a listing begins with was not listed a moment ago, so it has not vanished."""
    answers(
        place.fleet["dev"],
        lambda call: refused(404, "NOT_FOUND") if call.path == CLUSTERS else None,
    )
    verdict = await place.take("clusters")
    assert statuses(by_key(verdict)) == {
        "prod/clusters": "complete",
        "dev/clusters": "partial",
    }


@pytest.mark.parametrize("status", [403, 500])
async def test_one_object_that_fails_is_named(
    place: Place, answers: Answers, status: int
) -> None:
    """Of a listing of many calls one failure makes it partial, and says which call."""
    asked = sorted(record["path"] for record in place.fleet["dev"].truth("dbfs"))
    directory = next(path for path in asked if any(p.startswith(path + "/") for p in asked))

    def fail(call: Call) -> Reply | None:
        of_dbfs = call.path == "/api/2.0/dbfs/list" and call.query["path"] == directory
        return refused(status, "", "not today") if of_dbfs else None

    answers(place.fleet["dev"], fail)
    verdict = await place.take("dbfs")
    ended = by_key(verdict)["dev/dbfs"]
    assert (ended.status, verdict.exit_code) == ("partial", 3)
    assert f"{directory} is not listed, its size is unknown: " in ended.error
    assert f"HTTP {status}: not today" in ended.error


async def test_many_failures_are_counted_not_listed(place: Place) -> None:
    """Three are spelled out, the others are a number: an error is no log file."""
    place.fleet["dev"].faults.append(Fault("/api/2.0/permissions/jobs", "deny"))
    verdict = await place.take("permissions")
    ended = by_key(verdict)["dev/permissions"]
    count = len(place.fleet["dev"].truth("jobs"))
    assert ended.status == "partial"
    assert ended.error.count("HTTP 403") == min(3, count)
    assert ended.error.endswith(f"; and {count - 3} more")


async def test_a_workspace_that_dies_half_way_hurts_no_other(place: Place) -> None:
    """Its listings are partial and named, within seconds; the others are complete."""
    place.fleet["dev"].server.fuse = Fuse(requests=40)
    async with asyncio.timeout(20):
        verdict = await place.take()
    assert verdict.exit_code == 3
    assert {each.workspace for each in verdict.missing} == {"dev"}
    assert {each.status for each in verdict.missing} == {"partial"}
    errors = [each.error for each in verdict.missing]
    assert [
        each for each in errors if " on dev: " not in each and "follows" not in each
    ] == []
    assert len(table(place.folder, "permissions", "prod")) == len(
        place.fleet["prod"].truth("permissions")
    )


async def test_a_wrong_token_hurts_no_other(place: Place) -> None:
    """The 401 is named, nothing of that workspace is published, the others complete."""
    verdict = await place.take(wrong=["dev"])
    assert verdict.exit_code == 3
    assert {each.workspace for each in verdict.missing} == {"dev"}
    ended = by_key(verdict)["dev/clusters"]
    assert "HTTP 401 UNAUTHENTICATED" in ended.error
    assert sum(each.records for each in verdict.missing) == 0
    assert table(place.folder, "clusters", "dev") == []


async def test_nothing_at_all_is_a_failure(place: Place) -> None:
    """If no listing succeeded the exit code is 1, and no table but the account of it."""
    verdict = await place.take("clusters", "secrets", wrong=["dev", "prod"])
    assert verdict.exit_code == 1
    assert len(verdict.missing) == 4
    assert place.names() == {"_asyncdbx.json", "_lanes", "_listings", "_missing", "_run"}


async def test_a_record_that_leads_nowhere_fails_alone(
    place: Place, answers: Answers
) -> None:
    """An id no path can carry, a null or an odd type makes its own listing partial."""
    odd = {
        SCOPES: {"scopes": [{"name": ["a", "list"]}, {"name": None}]},
        CATALOGS: {"catalogs": [{"name": "good"}, {"full_name": "nameless"}]},
        "/api/2.0/instance-pools/list": {"instance_pools": [{"instance_pool_id": ".."}]},
    }
    objects = {"objects": [{"object_type": ["DIRECTORY"], "path": "/x", "object_id": 1}]}
    odd["/api/2.0/workspace/list"] = objects

    def oddly(call: Call) -> Reply | None:
        return Reply(orjson.dumps(odd[call.path])) if call.path in odd else None

    answers(place.fleet["dev"], oddly)
    names = ("secrets", "schemas", "permissions", "workspace_objects", "jobs")
    verdict = await place.take(*names)
    assert statuses(by_key(verdict)) == {
        **{f"prod/{name}": "complete" for name in names},
        "dev/jobs": "complete",
        "dev/workspace_objects": "partial",
        "dev/secrets": "partial",
        "dev/permissions": "partial",
        "dev/schemas": "partial",
    }
    errors = {key: each.error for key, each in by_key(verdict).items()}
    assert "'..' segment" in errors["dev/permissions"]
    assert "catalogs is partial" in errors["dev/schemas"]


async def test_a_directory_that_lies_elsewhere_is_not_passed_over(
    place: Place, answers: Answers
) -> None:
    """What is below it would stay unseen, so the listing is not complete."""
    entry = {"path": "/elsewhere", "is_dir": True, "file_size": 0}
    root = Reply(orjson.dumps({"files": [{"path": "/a", "is_dir": True}, entry]}))
    below = Reply(orjson.dumps({"files": [entry]}))

    def astray(call: Call) -> Reply | None:
        if call.path != "/api/2.0/dbfs/list":
            return None
        return {"/": root, "/a": below}.get(call.query["path"], Reply(b"{}"))

    answers(place.fleet["dev"], astray)
    verdict = await place.take("dbfs")
    ended = by_key(verdict)["dev/dbfs"]
    assert ended.status == "partial"
    assert "'/elsewhere', listed in '/a', does not lie there" in ended.error


async def test_a_page_token_that_expires_begins_its_listing_anew(
    place: Place, answers: Answers
) -> None:
    """Once; what came before comes again and is kept once."""
    tokens = itertools.count()

    def expire(call: Call) -> Reply | None:
        is_page = call.path == "/api/2.2/jobs/runs/list" and "page_token" in call.query
        first = is_page and next(tokens) == 0
        return refused(400, "INVALID_PARAMETER_VALUE", "expired") if first else None

    answers(place.fleet["prod"], expire)
    verdict = await place.take("job_runs")
    assert verdict.exit_code == 0
    runs = [str(record["run_id"]) for record in place.fleet["prod"].truth("job_runs")]
    assert next(tokens) > 1
    assert place.ids("job_runs", "prod") == sorted(runs)


async def test_a_page_token_that_is_always_refused_is_the_end(
    place: Place, answers: Answers
) -> None:
    """The second refusal makes the listing partial: no endless loop."""

    pages: list[str] = []

    def refuse(call: Call) -> Reply | None:
        if call.path != "/api/2.2/jobs/runs/list":
            return None
        pages.append("page_token" if "page_token" in call.query else "first")
        is_first = pages[-1] == "first"
        return None if is_first else refused(400, "INVALID_PARAMETER_VALUE", "expired")

    answers(place.fleet["prod"], refuse)
    verdict = await place.take("job_runs")
    ended = by_key(verdict)["prod/job_runs"]
    assert ended.status == "partial"
    assert pages == ["first", "page_token"] * 2
    assert "HTTP 400 INVALID_PARAMETER_VALUE: expired" in ended.error


async def test_the_server_cannot_make_us_tell_our_token(
    place: Place, answers: Answers
) -> None:
    """An error body that echoes the credential is redacted before it is kept."""
    token = place.fleet["dev"].token
    answers(place.fleet["dev"], lambda _: refused(403, "DENIED", f"Bearer {token} may not"))
    verdict = await place.take("clusters", "dbfs")
    ended = by_key(verdict)["dev/clusters"]
    assert ended.status == "denied"
    assert "Bearer *** may not" in ended.error
    assert [
        row["error"] for row in table(place.folder, "_listings") if token in row["error"]
    ] == []


async def test_few_units_of_a_listing_are_in_hand(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its lane lets in flight and four more, however many directories wait."""
    most: dict[str, int] = {}
    usual = Crawl._next_units

    def next_units(crawl: Crawl, listing: Listing) -> Any:
        units = usual(crawl, listing)
        in_hand = listing.running + len(units)
        name = listing.resource.name
        most[name] = max(most.get(name, 0), in_hand)
        return units

    monkeypatch.setattr(Crawl, "_next_units", next_units)
    limits = tmp_path / "limits.toml"
    limits.write_text('[default]\nper_second = "unlimited"\nin_flight = 3\n')
    few = Limits.load(limits)
    await Place(place.fleet, place.folder, few).take("permissions", "experiments")
    dbfs = await place.take("dbfs")
    assert dbfs.exit_code == 0
    assert most["permissions"] == 3 + AHEAD
    assert most["experiments"] == 1
    assert most["dbfs"] <= 100 + AHEAD


FILES = [
    {"path": f"/part-{n:06d}-{'x' * 90}", "is_dir": n % 500 == 0, "file_size": n}
    for n in range(20_000)
]
IDS = [str(each["path"]) for each in FILES]


@dataclass
class LargeDirectory:
    """The root of DBFS has 20,000 entries, and every other directory none.

    Attributes:
        cut: Calls of the root that break off half-way; the first is 0.
        turned: Calls of the root that give it the other way round.
        calls: How often the root was listed.
    """

    cut: Container[int]
    turned: Container[int] = ()
    calls: int = 0

    def answer(self, call: Call) -> Reply | None:
        if call.path != "/api/2.0/dbfs/list":
            return None
        if call.query["path"] != "/":
            return Reply(b"{}")
        number, self.calls = self.calls, self.calls + 1
        files = FILES[::-1] if number in self.turned else FILES
        return Reply(
            orjson.dumps({"files": files}), broken="cut" if number in self.cut else ""
        )


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records were put aside, each time."""
    sizes: list[int] = []
    usual = Spool.stage

    def stage(self: Spool, unit: int, records: Sequence[Row], children: Any = ()) -> None:
        sizes.append(len(records))
        usual(self, unit, records, children)

    monkeypatch.setattr(Spool, "stage", stage)
    return sizes


@pytest.mark.parametrize("cuts", [0, 1])
async def test_a_large_page_is_put_aside_while_it_arrives(
    place: Place, answers: Answers, stages: list[int], cuts: int
) -> None:
    """Though it breaks off: what came before comes once, and what follows from it too."""
    root = LargeDirectory(range(cuts))
    answers(place.fleet["prod"], root.answer)
    verdict = await place.take("dbfs")

    assert verdict.exit_code == 0
    assert place.ids("dbfs", "prod") == IDS
    ended = by_key(verdict)["prod/dbfs"]
    assert (ended.records, ended.calls) == (len(IDS), cuts + 41)
    assert 1 < len(stages) < 20
    assert sum(stages) < len(IDS)


async def test_a_large_page_that_changes_while_it_is_read_is_read_anew(
    place: Place, answers: Answers, stages: list[int]
) -> None:
    """What had been put aside of it is forgotten."""
    root = LargeDirectory(cut=[0], turned=[1])
    answers(place.fleet["prod"], root.answer)
    verdict = await place.take("dbfs")

    assert verdict.exit_code == 0
    assert place.ids("dbfs", "prod") == IDS
    assert stages
    assert root.calls == 3


async def test_a_large_page_that_always_changes_is_missing(
    place: Place, answers: Answers, stages: list[int]
) -> None:
    """Nobody could say what is whole: the listing is partial, and says why."""
    root = LargeDirectory(cut=range(0, 99, 2), turned=range(1, 99, 2))
    answers(place.fleet["prod"], root.answer)
    verdict = await place.take("dbfs")

    ended = by_key(verdict)["prod/dbfs"]
    assert (verdict.exit_code, ended.status) == (3, "partial")
    assert "broke off behind" in ended.error
    assert root.calls == 2 * CHANCES
    assert stages
    assert place.ids("dbfs", "prod") == []
