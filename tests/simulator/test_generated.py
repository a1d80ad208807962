"""Generated trees: what is listed is what was counted, and nothing of it is kept."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from hashlib import blake2b
from typing import Any

import aiohttp
import orjson
import pytest
from direct import Direct

from asyncdbx.simulator import Fault, SimulatedWorkspace, Simulator
from asyncdbx.simulator.__main__ import main
from asyncdbx.simulator.generated import GeneratedTree, Summary

LIST = "/api/2.0/dbfs/list"
STATUS = "/api/2.0/dbfs/get-status"
SHAPES = [(1, 0), (1, 1), (1, 1000), (1, 2345), (31, 4), (32, 0), (1000, 3), (3, 1001)]


def planted(*shapes: tuple[int, int], **options: Any) -> Simulator:
    trees = {"prod": shapes}
    return Simulator(1, scale=0.1, limits=False, trees=trees, **options)


def direct_to(*shapes: tuple[int, int]) -> Direct:
    return Direct(planted(*shapes)["prod"])


def walked(direct: Direct, root: str) -> Iterator[Any]:
    """Yield every entry below a directory, a level after the other."""
    level = [root]
    while level:
        listed = [each for path in level for each in _listed(direct, path)]
        yield from listed
        level = [each["path"] for each in listed if each["is_dir"]]


def _listed(direct: Direct, path: str) -> Any:
    return direct.get(LIST, path=path).get("files", [])


def summed(entries: list[Any]) -> Summary:
    """Return the summary of what was listed, by the documented formula."""
    digest = 0
    for entry in entries:
        text = f"{entry['path']}\0{entry['file_size']}\0{entry['modification_time']}"
        number = blake2b(text.encode(), digest_size=8).digest()
        digest = (digest + int.from_bytes(number, "little")) % 2**64
    directories = sum(entry["is_dir"] for entry in entries)
    return Summary(len(entries), directories, sum(e["file_size"] for e in entries), digest)


@pytest.mark.parametrize("shape", SHAPES)
def test_all_that_is_listed_is_what_was_counted(shape: tuple[int, int]) -> None:
    """Every file and directory once; the root is listed where it lies."""
    direct = direct_to(shape)
    roots = [entry for entry in _listed(direct, "/") if entry["path"] == "/generated"]
    entries = [*roots, *walked(direct, "/generated")]
    directories, files = shape
    summary = direct.workspace.generated()
    assert len({entry["path"] for entry in entries}) == len(entries)
    assert summary.entries == directories * (files + 1)
    assert summary.directories == directories
    assert summary == summed(entries)


def test_a_tree_is_the_same_for_ever() -> None:
    """What a digest was in another process, on another day, it is in this one."""
    summary = GeneratedTree("/generated", 50, 20).summary
    assert summary == Summary(1050, 50, 63055767750182419, 3732413871648592404)


def test_a_tree_grows_in_width_and_depth() -> None:
    """30 directories in a directory, as long as there are so many; files at every depth."""
    direct = direct_to((2000, 2))
    entries = list(walked(direct, "/generated"))
    depths = [
        sum(entry["path"].count("/") == depth for entry in entries if entry["is_dir"])
        for depth in range(2, 6)
    ]
    assert depths == [30, 900, 2000 - 931, 0]
    sizes = [len(_listed(direct, entry["path"])) for entry in entries if entry["is_dir"]]
    assert {*sizes} == {2, 2 + 30, 2 + (1999 - 30) % 30}


def test_sizes_and_times_vary() -> None:
    """Some sizes are beyond what a double holds; no time is later than the seed's."""
    entries = list(walked(direct_to((200, 100)), "/generated"))
    files = [entry for entry in entries if not entry["is_dir"]]
    sizes = [entry["file_size"] for entry in files]
    large = [size for size in sizes if size > 2**53]
    assert len(large) == 9
    assert all(int(float(size)) != size for size in large)
    assert len({(e["file_size"], e["modification_time"]) for e in files}) == len(files)
    times = {entry["modification_time"] for entry in files}
    assert 1_600_000_000_000 < min(times) < max(times) < 1_795_392_000_000
    assert len(times) > 10_000


def test_the_sizes_of_millions_fit_into_64_bits() -> None:
    """However many directories there are, large files are few."""
    tree = GeneratedTree("/generated", 10**9, 1)
    large = [tree._block(number, "", 0).large for number in (*range(5), 2**29, 10**9 - 1)]
    assert [size > 0 for size in large] == [True, True, True, False, True, True, False]


def test_an_answer_is_as_all_others_are() -> None:
    """Byte by byte what would be made of records."""
    direct = direct_to((40, 1100))
    for path in ("/generated", "/generated/billing_01"):
        body = direct.send("GET", LIST, f"path={path}").body
        assert orjson.dumps(orjson.loads(body)) == body


def test_every_entry_can_be_asked_for() -> None:
    """By get-status, and by list: a file lists itself."""
    direct = direct_to((40, 12))
    for entry in walked(direct, "/generated"):
        assert direct.get(STATUS, path=entry["path"]) == entry
        if not entry["is_dir"]:
            assert direct.get(LIST, path=f"dbfs:{entry['path']}") == {"files": [entry]}
    read = direct.get(
        "/api/2.0/dbfs/read", path="/generated/part-0000000.parquet", length=3
    )
    assert read == {"bytes_read": 3, "data": "AAAA"}


@pytest.mark.parametrize(
    "name",
    [
        "part-0000012.parquet",  # there are 12
        "part-11.parquet",
        "part-000000\u0661.parquet",  # a digit, but not of ours
        "part-0000001.csv",
        "part--000001.parquet",
        "nothing",
        "orders_00/nothing",
        "orders_00/orders_00/orders_00",
        "billing_01/billing_01",  # number 63 of 40
        "part-0000001.parquet/part-0000001.parquet",
    ],
)
def test_what_is_not_there_is_not_found(name: str) -> None:
    """404, as of any other path."""
    direct = direct_to((40, 12))
    for route in (LIST, STATUS):
        assert direct.get(route, path=f"/generated/{name}")["error_code"] == (
            "RESOURCE_DOES_NOT_EXIST"
        )
        assert direct.status == 404


def test_nothing_of_it_can_be_changed() -> None:
    """403, and it is as before; beside it everything can."""
    direct = direct_to((3, 4))
    file = "/generated/part-0000001.parquet"
    for action, body in (
        ("put", {"path": file, "contents": "", "overwrite": True}),
        ("create", {"path": "/generated/new"}),
        ("mkdirs", {"path": "/generated/new"}),
        ("delete", {"path": "/generated", "recursive": True}),
        ("delete", {"path": "/generated/nothing"}),
        ("move", {"source_path": file, "destination_path": "/moved"}),
        ("move", {"source_path": "/FileStore", "destination_path": "/generated/new"}),
    ):
        answer = direct.post(f"/api/2.0/dbfs/{action}", **body)
        assert (direct.status, answer["error_code"]) == (403, "PERMISSION_DENIED")
    assert summed(list(walked(direct, "/generated"))).entries == 3 * 5 - 1
    direct.post("/api/2.0/dbfs/mkdirs", path="/generated-by-hand")
    assert direct.status == 200
    assert "/generated-by-hand" in {each["path"] for each in _listed(direct, "/")}


def test_a_workspace_may_have_several() -> None:
    """Each hangs at a root of its own, and is no part of the truth."""
    trees = {"prod": [(2, 3), (4, 5)]}
    fleet = Simulator(2, scale=0.1, limits=False, trees=trees, directories={"prod": [6, 7]})
    direct = Direct(fleet["prod"])
    paths = [entry["path"] for entry in _listed(direct, "/")]
    roots = ["/generated", "/generated-2", "/huge", "/huge-2"]
    assert paths[-4:] == roots
    entries = [each for each in walked(direct, "/") if each["path"].startswith((*roots,))]
    assert summed(entries) == fleet["prod"].generated()
    assert fleet["prod"].generated().entries == 2 * 4 + 4 * 6 + 7 + 8
    plain = Simulator(2, scale=0.1, limits=False)
    assert fleet["prod"].rows("dbfs") == plain["prod"].rows("dbfs")
    assert fleet["staging"].generated() == Summary()
    assert "/huge" not in {
        entry["path"] for entry in _listed(Direct(fleet["staging"]), "/")
    }


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that gets bytes as they were sent."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


def asking(
    session: aiohttp.ClientSession, workspace: SimulatedWorkspace, coding: str = "identity"
) -> Any:
    """Ask for the list of ``/huge``."""
    headers = {"Authorization": f"Bearer {workspace.token}", "Accept-Encoding": coding}
    return session.get(f"{workspace.host}{LIST}?path=/huge", headers=headers)


HUGE = {"prod": [25_000]}


@pytest.mark.wire
@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_long_answer_comes_in_pieces(
    session: aiohttp.ClientSession, coding: str
) -> None:
    """With gzip or without it, all of it arrives."""
    async with Simulator(1, scale=0.1, directories=HUGE) as fleet:
        async with asking(session, fleet["prod"], coding) as got:
            body = await got.read()
        assert got.headers["Transfer-Encoding"] == "chunked"
        assert got.headers["Content-Type"] == "application/json"
        assert got.headers.get("Content-Encoding", "identity") == coding
        if coding == "gzip":
            assert len(body) < 500_000
            body = zlib.decompress(body, wbits=31)
        files = orjson.loads(body)["files"]
        root = {"path": "/huge", "is_dir": True, "file_size": 0, "modification_time": 0}
        assert summed([root, *files]) == fleet["prod"].generated()
        assert fleet["prod"].stats()["dbfs"].accepted == 1


@pytest.mark.wire
async def test_a_long_answer_is_made_as_it_is_read(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that reads no further keeps the server from making more."""
    made = 0
    usual = GeneratedTree.lines

    def counted(tree: GeneratedTree, directory: int, path: str) -> Iterator[bytes]:
        nonlocal made
        for piece in usual(tree, directory, path):
            made += 1
            yield piece

    monkeypatch.setattr(GeneratedTree, "lines", counted)
    directories = {"prod": [1_000_000]}  # 1,000 pieces, 107 MB
    async with Simulator(1, scale=0.1, directories=directories) as fleet:
        async with asking(session, fleet["prod"]) as got:
            await got.content.readany()
            stopped = 0
            while made != stopped:
                stopped = made
                await asyncio.sleep(0.05)
            assert 0 < stopped < 200
            await got.content.readexactly(30_000_000)
            assert made > stopped
        assert (await _status(session, fleet["prod"])) == 200


async def _status(session: aiohttp.ClientSession, workspace: SimulatedWorkspace) -> int:
    async with asking(session, workspace) as got:
        await got.read()
        status: int = got.status
    return status


@pytest.mark.wire
async def test_it_is_limited_and_fails_as_everything_does(
    session: aiohttp.ClientSession,
) -> None:
    """A token is asked for, quota is used, faults apply: long answers are no exception."""
    async with Simulator(1, scale=0.1, directories=HUGE) as fleet:
        prod = fleet["prod"]
        async with session.get(f"{prod.host}{LIST}?path=/huge") as got:
            assert got.status == 401
        answers = await asyncio.gather(*(_status(session, prod) for _ in range(35)))
        assert answers.count(429) >= 5
        await asyncio.sleep(1)
        prod.faults[:] = [Fault(LIST, "no_key", 1), Fault(LIST, "cut", 1)]
        async with asking(session, prod) as got:
            assert orjson.loads(await got.read()) == {"ok": True}
        with pytest.raises(aiohttp.ClientPayloadError):
            await _status(session, prod)
        assert await _status(session, prod) == 200


@pytest.mark.wire
async def test_another_process_can_ask_what_to_expect(
    session: aiohttp.ClientSession,
) -> None:
    """At the control port; workspaces answer while it is counted."""
    trees, directories = {"prod": [(2000, 100)]}, {"prod": [7]}
    async with Simulator(2, scale=0.1, trees=trees, directories=directories) as fleet:
        prod, url = fleet["prod"], f"{fleet.control_url}/_simulator/generated?workspace="
        counted = asyncio.create_task(_json(session, f"{url}prod"))
        await asyncio.sleep(0.05)
        assert await _status(session, prod) == 200
        assert not counted.done()
        summary = prod.generated()
        assert await counted == {
            "roots": ["/generated", "/huge"],
            "entries": 202_000 + 8,
            "directories": 2001,
            "bytes": summary.bytes,
            "digest": summary.digest,
        }
        nothing = {"entries": 0, "directories": 0, "bytes": 0, "digest": 0}
        assert await _json(session, f"{url}staging") == {"roots": [], **nothing}


async def _json(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as got:
        return orjson.loads(await got.read())


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--tree=nowhere=1*1", "no workspace 'nowhere'"),
        ("--directory=nowhere=1", "no workspace 'nowhere'"),
        ("--tree=prod=5", "--tree"),
        ("--tree=prod=0*5", "--tree"),
        ("--tree=prod=1*-1", "--tree"),
        ("--tree=prod=1*2*3", "--tree"),
        ("--tree=5*5", "--tree"),
        ("--directory=prod=many", "--directory"),
        ("--directory=prod=-1", "--directory"),
    ],
)
def test_a_tree_that_makes_no_sense_is_a_usage_error(
    option: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one sentence."""
    with pytest.raises(SystemExit, match="2"):
        main([option])
    assert words in capsys.readouterr().err
