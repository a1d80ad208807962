"""Walking a tree: concurrent, bounded, and honest about what it did not see."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest
from lanes import fixed_lane
from yarl import URL

from asyncdbx import catalog
from asyncdbx.auth import StaticCredential
from asyncdbx.engine import Engine, LaneQueue, Site, Ticket
from asyncdbx.errors import Denied, Incomplete, NotFound, UsageError
from asyncdbx.fleet import walk as walk_module
from asyncdbx.fleet.tree import Tree, tree_of
from asyncdbx.fleet.walk import Walk
from asyncdbx.transport import Answer, Feed, Request, Transport

Record = dict[str, Any]


def now() -> float:
    return asyncio.get_running_loop().time()


def file(path: str) -> Record:
    return {"path": path, "is_dir": False, "file_size": 1}


def folder(path: str) -> Record:
    return {"path": path, "is_dir": True, "file_size": 0}


class Disk:
    """Answers dbfs.list, one second each; pages if asked to."""

    def __init__(self, listings: Mapping[str, Any], *, page: int = 0) -> None:
        self.listings = listings
        self.page = page
        self.asked: list[str] = []
        self.in_flight = self.most = 0

    async def send(self, request: Request, *, feed: Feed | None = None) -> Answer:
        path = self.path_of(request)
        self.asked.append(path)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await asyncio.sleep(1.0)
        finally:
            self.in_flight -= 1
        listing = self.listings[path]
        if isinstance(listing, int):
            return Answer(listing, {}, b"")
        body = self.body_of(request, listing)
        if feed is not None and (room := feed(body)) is not None:
            await room
        return Answer(200, {}, b"", fed=True)

    def path_of(self, request: Request) -> str:
        return request.url.query["path"]

    def body_of(self, request: Request, listing: list[Record]) -> bytes:
        return orjson.dumps({"files": listing} if listing else {})


class Volume(Disk):
    """Answers files.list_directory_contents, in pages."""

    def path_of(self, request: Request) -> str:
        return request.url.path.removeprefix("/api/2.0/fs/directories")

    def body_of(self, request: Request, listing: list[Record]) -> bytes:
        start = int(request.url.query.get("page_token", "0"))
        end = start + self.page
        rest = {"next_page_token": str(end)} if end < len(listing) else {}
        return orjson.dumps({"contents": listing[start:end], **rest})


@asynccontextmanager
async def walking(
    disk: Disk, path: str = "dbfs:/", *, rate: float | None = None
) -> AsyncGenerator[Walk]:
    """A walk over a disk; afterwards no task is left."""
    before = asyncio.all_tasks()
    tree, root = tree_of(path)
    async with Engine(cast("Transport", disk)) as engine:
        site = Site("w", StaticCredential({}, ()))
        queue: LaneQueue = engine.queue(fixed_lane("g", "w", rate, 1000), site)

        def make(name: str, arguments: Mapping[str, Any]) -> Ticket:
            request = catalog.endpoint(name).request(arguments)
            url = URL.build(
                scheme="https", host="w", path=request.path, encoded=True
            ).with_query(request.query)
            return Ticket(site, name, "GET", url, queue, safe=True, decode=_no_decode)

        yield Walk(engine, make, catalog.endpoint(tree.endpoint), tree, root)
    assert disk.in_flight == 0
    assert asyncio.all_tasks() == before


def _no_decode(_: Answer) -> Any:
    msg = "a listing is read by its reader"
    raise AssertionError(msg)


async def paths(walk: Walk) -> list[str]:
    return sorted([record["path"] async for record in walk])


def wide(width: int) -> dict[str, list[Record]]:
    """A root of so many folders, each with so many files."""
    listings = {"/": [folder(f"/d{n}") for n in range(width)]}
    for n in range(width):
        listings[f"/d{n}"] = [file(f"/d{n}/f{m}") for m in range(width)]
    return listings


async def test_a_walk_sees_every_entry_once() -> None:
    """Files and folders of every level, however deep."""
    chain = "/a/b/c/d/e"
    listings = {
        chain[:n] or "/": [folder(chain[: n + 2]), file(f"{chain[:n]}/f")]
        for n in range(0, len(chain), 2)
    }
    listings[chain] = []
    async with walking(Disk(listings)) as walk:
        found = await paths(walk)
        assert (walk.vanished, walk.unlisted) == ([], [])

    folders = [chain[: n + 2] for n in range(0, len(chain), 2)]
    files = [f"{chain[:n]}/f" for n in range(0, len(chain), 2)]
    assert found == sorted(folders + files)


async def test_directories_are_listed_at_the_same_time() -> None:
    """33 listings of 1 s each, 32 of them at once, take 2 s."""
    disk = Disk(wide(32))
    async with walking(disk) as walk:
        assert len(await paths(walk)) == 32 + 32 * 32

    assert (now(), disk.most, len(disk.asked)) == (2.0, 32, 33)


async def test_a_walk_begins_where_it_is_told_to() -> None:
    """Only what lies below; the paths are those of the API."""
    async with walking(Disk(wide(3)), "dbfs:/d1/") as walk:
        assert await paths(walk) == ["/d1/f0", "/d1/f1", "/d1/f2"]


async def test_a_file_lists_itself() -> None:
    """One entry, nothing to descend into."""
    disk = Disk({"/f": [file("/f")]})
    async with walking(disk, "dbfs:/f") as walk:
        assert await paths(walk) == ["/f"]

    assert disk.asked == ["/f"]


async def test_a_directory_that_lists_itself_is_no_loop() -> None:
    """With or without a slash at the end: it was asked already, and nothing is missing."""
    disk = Disk({"/a": [folder("/a"), folder("/a/"), file("/a/f")]})
    async with walking(disk, "dbfs:/a") as walk:
        assert await paths(walk) == ["/a", "/a/", "/a/f"]

    assert disk.asked == ["/a"]


async def test_a_directory_that_lies_elsewhere_is_named_at_the_end() -> None:
    """Its parent, a neighbour, no path: not descended into, so the walk is not whole."""
    strays: list[Record] = [folder("/"), folder("/ab"), folder("/x/a"), {"is_dir": True}]
    disk = Disk({"/a": [*strays, file("/a/f")]})
    async with walking(disk, "dbfs:/a") as walk:
        seen = []
        with pytest.raises(Incomplete) as caught:
            async for record in walk:
                seen.append(record)  # noqa: PERF401 - the loop ends with an error
        assert seen == [*strays, file("/a/f")]
        assert [path for path, _ in walk.unlisted] == ["/", "/ab", "/x/a", "None"]

    assert disk.asked == ["/a"]
    assert str(caught.value) == (
        "could not list / and 3 more: it is listed in /a, but does not lie there"
    )


async def test_a_directory_that_vanished_is_noted() -> None:
    """It was there when its parent was listed; that is no error."""
    async with walking(Disk({**wide(3), "/d1": 404})) as walk:
        assert len(await paths(walk)) == 3 + 6
        assert (walk.vanished, walk.unlisted) == (["/d1"], [])


async def test_a_root_that_is_not_there_is_an_error() -> None:
    """Nothing was found because nothing is there: say so."""
    async with walking(Disk({"/nope": 404}), "dbfs:/nope") as walk:
        with pytest.raises(Incomplete, match="could not list /nope: ") as caught:
            await anext(walk)
        assert walk.vanished == []

    assert isinstance(caught.value.__cause__, NotFound)


async def test_what_could_not_be_listed_is_named_after_everything_else() -> None:
    """Two folders are denied: the rest is yielded first, then the walk fails."""
    async with walking(Disk({**wide(5), "/d1": 403, "/d3": 403})) as walk:
        seen = 0
        with pytest.raises(Incomplete) as caught:
            async for _ in walk:
                seen += 1
        assert seen == 5 + 15
        assert sorted(path for path, _ in walk.unlisted) == ["/d1", "/d3"]
        with pytest.raises(Incomplete):
            await anext(walk)

    assert "could not list /d" in str(caught.value)
    assert " and 1 more: dbfs.list on w: HTTP 403" in str(caught.value)
    assert isinstance(caught.value.__cause__, Denied)


async def test_a_bug_is_raised_where_the_caller_waits() -> None:
    """It is not hidden in the engine."""

    def broken(_: Mapping[str, Any]) -> bool:
        msg = "a bug"
        raise ZeroDivisionError(msg)

    async with walking(Disk(wide(2))) as walk:
        walk._tree = replace(walk._tree, is_directory=broken)
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await anext(walk)


@pytest.mark.parametrize("entry", [None, 7, "x", []])
async def test_an_entry_that_is_no_object_makes_the_walk_incomplete(entry: Any) -> None:
    """Nobody knows what it was; the rest is yielded."""
    async with walking(Disk({**wide(2), "/d1": [entry]})) as walk:
        with pytest.raises(Incomplete) as caught:
            await paths(walk)

    assert str(caught.value) == (
        "could not list /d1: dbfs.list on w: an entry of the listing is no object"
    )


async def test_pages_of_a_directory_are_followed() -> None:
    """A volume's directory comes in pages; so do those below."""
    root = "/Volumes/c/s/v"
    names = [f"{root}/f{n:02}" for n in range(25)]
    listings = {
        root: [
            *({"path": name, "is_directory": False} for name in names),
            {"path": f"{root}/sub", "is_directory": True},
        ],
        f"{root}/sub": [{"path": f"{root}/sub/g", "is_directory": False}],
    }
    disk = Volume(listings, page=10)
    async with walking(disk, root) as walk:
        assert await paths(walk) == [*names, f"{root}/sub", f"{root}/sub/g"]

    assert disk.asked == [root] * 3 + [f"{root}/sub"]


@pytest.mark.parametrize("rate", [None, 5.0])
async def test_an_abandoned_walk_asks_for_nothing_more(rate: float | None) -> None:
    """No task, no further page or directory: what is in flight comes, that is all."""
    root = "/Volumes/c/s/v"
    listing = [{"path": f"{root}/f{n}", "is_directory": False} for n in range(1000)]
    disk = Volume({root: listing}, page=10)
    before = asyncio.all_tasks()
    async with walking(disk, root, rate=rate) as walk:
        await anext(walk)
        asked = len(disk.asked)
        del walk
        await asyncio.sleep(100)
        assert len(disk.asked) <= asked + 1
        workers = asyncio.all_tasks() - before
        assert all("Engine._work" in repr(task.get_coro()) for task in workers)


async def test_a_slow_consumer_bounds_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes nothing: 50 entries are held, and what was asked for already."""
    monkeypatch.setattr(walk_module, "AHEAD", 50)
    root = "/Volumes/c/s/v"
    listing = [{"path": f"{root}/f{n}", "is_directory": False} for n in range(10_000)]
    disk = Volume({root: listing}, page=20)
    async with walking(disk, root) as walk:
        seen = 0
        async for _ in walk:
            seen += 1
            assert len(walk._entries) <= 70
            if seen % 500 == 0:
                await asyncio.sleep(50)

    assert seen == 10_000


class Slow(Disk):
    """Sends a listing in two pieces, an hour apart."""

    async def send(self, request: Request, *, feed: Feed | None = None) -> Answer:
        path = self.path_of(request)
        self.asked.append(path)
        body = self.body_of(request, self.listings[path])
        half = len(body) // 2
        assert feed is not None
        for piece in (body[:half], body[half:]):
            if (room := feed(piece)) is not None:
                await room
            await asyncio.sleep(3600)
        return Answer(200, {}, b"", fed=True)


async def test_entries_leave_and_are_descended_into_while_their_directory_arrives() -> None:
    """Half an hour before the root's listing is whole, what is below it has been seen."""
    disk = Slow({"/": [folder(f"/{n}") for n in range(100)]})
    disk.listings = {**disk.listings, **{f"/{n}": [file(f"/{n}/f")] for n in range(100)}}
    async with walking(disk) as walk:
        seen = [(now(), entry["path"]) async for entry in walk]

    first_half = [path for at, path in seen if at < 3600]
    assert 40 < len(first_half) < 60
    assert disk.asked[1] in first_half
    assert min(at for at, path in seen if path.endswith("/f")) == 3600
    assert len(seen) == len({path for _, path in seen}) == 200


async def test_a_walk_that_is_closed_ends_its_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those that wait for somebody to take what they brought, too."""
    monkeypatch.setattr(walk_module, "AHEAD", 5)
    disk = Slow(wide(20))
    async with walking(disk) as walk, aclosing(walk):
        async for _ in walk:
            break
        await asyncio.sleep(5000)
        assert walk._asked
        await walk.aclose()
        await asyncio.sleep(0)
        assert [lane.in_flight for lane, _ in walk._engine.lanes()] == [0]
        assert [entry async for entry in walk] == []


async def test_the_frontier_stays_small() -> None:
    """12 folders in each of 12 in each of 12: depth first, not 1,728 waiting at once."""
    listings: dict[str, list[Record]] = defaultdict(list)
    for a in range(12):
        listings["/"].append(folder(f"/{a}"))
        for b in range(12):
            listings[f"/{a}"].append(folder(f"/{a}/{b}"))
            listings[f"/{a}/{b}"] = [folder(f"/{a}/{b}/{c}") for c in range(12)]
    most = 0
    async with walking(Disk(listings)) as walk:
        async for _ in walk:
            most = max(most, len(walk._frontier))

    assert most < 12 * 32 + 12 * 12


# --- which tree -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "endpoint", "root"),
    [
        ("dbfs:/", "dbfs.list", "/"),
        ("dbfs:/a/b/", "dbfs.list", "/a/b"),
        ("/Workspace", "workspace.list", "/"),
        ("/Workspace/", "workspace.list", "/"),
        ("/Workspace/Users/a", "workspace.list", "/Users/a"),
        ("/Volumes/c/s/v/", "files.list_directory_contents", "/Volumes/c/s/v"),
    ],
)
def test_a_path_belongs_to_a_tree(path: str, endpoint: str, root: str) -> None:
    """By what it begins with; the path is then what the endpoint wants."""
    tree, where = tree_of(path)

    assert (tree.endpoint, where) == (endpoint, root)


@pytest.mark.parametrize("path", ["", "/", "dbfs:", "/x/y", "/Workspaces/a", "s3://b"])
def test_a_path_of_no_tree_is_refused(path: str) -> None:
    """And the trees there are get named."""
    with pytest.raises(UsageError, match="it begins with dbfs:/, /Workspace/ or /Volumes/"):
        tree_of(path)


@pytest.mark.parametrize(
    ("path", "record", "below"),
    [
        ("/Workspace/", {"path": "/Repos/x", "object_type": "REPO"}, "/Repos/x"),
        ("/Workspace/", {"path": "/Users", "object_type": "DIRECTORY"}, "/Users"),
        ("/Workspace/", {"path": "/n", "object_type": "NOTEBOOK"}, None),
        ("/Workspace/", {"path": "/n", "object_type": "OF_TOMORROW"}, None),
        ("dbfs:/", {"path": "/a", "is_dir": "true"}, None),
        ("dbfs:/a", {"path": "/ab", "is_dir": True}, None),
        ("dbfs:/a", {"path": "/a/", "is_dir": True}, None),
        ("dbfs:/a", {"path": 7, "is_dir": True}, None),
    ],
)
def test_what_can_be_descended_into(path: str, record: Record, below: str | None) -> None:
    """Folders and Git folders that lie below the directory that listed them."""
    tree: Tree
    tree, root = tree_of(path)

    assert tree.below(root, record) == below
