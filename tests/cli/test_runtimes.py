"""``asyncdbx runtimes``: what workspaces offer, the latest of a kind, what strings say."""

import csv
import io
from datetime import date
from typing import Any

import pytest
from cli_ran import Asyncdbx

from asyncdbx.cli.runtime_support import SUPPORT, support_facts
from asyncdbx.runtime_version import parse
from asyncdbx.simulator import Fault, Simulator
from asyncdbx.simulator.services.cluster_seed import RUNTIMES

ASKED = "/api/2.1/clusters/spark-versions"


@pytest.mark.wire
def test_everything_that_is_offered_is_listed(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Of each workspace, the newest first; aliases and Light too."""
    ran = asyncdbx("runtimes", "-p", "prod", "-p", "dev")

    assert (ran.code, ran.err) == (0, "")
    workspaces = [line["workspace"] for line in ran.lines]
    assert workspaces == ["prod"] * len(RUNTIMES) + ["dev"] * len(RUNTIMES)
    keys = [line["key"] for line in ran.lines if line["workspace"] == "prod"]
    assert sorted(keys) == sorted(key for key, _ in RUNTIMES)
    assert keys[:4] == [
        "20.x-scala2.13",
        "19.x-scala2.13",
        "18.x-scala2.13",
        "18.2.x-scala2.13",
    ]
    assert keys[-2:] == ["apache-spark-2.4.x-scala2.11", "latest-stable-scala2.11"]


@pytest.mark.wire
def test_all_that_is_known_of_one(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Its key and its name, taken apart, and its support."""
    ran = asyncdbx("runtimes", "-p", "prod", "--latest", "--lts", "--ml", "--gpu")

    (line,) = ran.lines
    assert line.pop("supported") in {True, False}  # as long as this test may live
    assert line == {
        "workspace": "prod",
        "key": "17.3.x-gpu-ml-scala2.13",
        "name": "17.3 LTS ML (includes Apache Spark 4.0.0, GPU, Scala 2.13)",
        "form": "dbr",
        "version": "17.3",
        "spark": "4.0.0",
        "scala": "2.13",
        "lts": True,
        "beta": False,
        "ml": True,
        "genomics": False,
        "gpu": True,
        "photon": False,
        "arm": False,
        "support_ends": "2028-10-22",
    }


@pytest.mark.wire
@pytest.mark.parametrize(
    ("options", "key"),
    [
        ("", "19.x-scala2.13"),
        ("--lts", "18.x-scala2.13"),
        ("--beta", "20.x-scala2.13"),
        ("--ml", "17.3.x-cpu-ml-scala2.13"),
        ("--photon", "15.4.x-photon-scala2.12"),
        ("--photon --arm", "10.4.x-aarch64-photon-scala2.12"),
        ("--scala 2.12", "16.4.x-scala2.12"),
        ("--spark 3.5", "16.4.x-scala2.12"),
        ("--spark 3.5.2 --scala 2.13", "16.4.x-scala2.13"),
    ],
)
def test_the_latest_of_a_kind(
    asyncdbx: Asyncdbx, fleet: Simulator, options: str, key: str
) -> None:
    """One of each workspace; of a kind that is not asked for, none."""
    ran = asyncdbx("runtimes", "-p", "prod", "-p", "dev", "--latest", *options.split())

    assert (ran.code, ran.err) == (0, "")
    assert [(line["workspace"], line["key"]) for line in ran.lines] == [
        ("prod", key),
        ("dev", key),
    ]


@pytest.mark.wire
def test_all_of_a_kind(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """The newest first; that there are none is an answer too."""
    ran = asyncdbx("runtimes", "-p", "prod", "--ml", "--gpu")
    assert [line["version"] for line in ran.lines] == ["17.3", "14.3", "7.6"]
    none = asyncdbx("runtimes", "-p", "prod", "--genomics")
    assert (none.code, none.out, none.err) == (0, "", "")


@pytest.mark.wire
def test_a_workspace_without_a_latest_is_named(
    asyncdbx: Asyncdbx, fleet: Simulator
) -> None:
    """A script that takes the first line must not take that of another."""
    ran = asyncdbx("runtimes", "-p", "prod", "--latest", "--genomics")

    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "asyncdbx: prod offers no runtime of that kind\n"


@pytest.mark.wire
def test_a_workspace_that_cannot_be_asked_is_named(
    asyncdbx: Asyncdbx, fleet: Simulator
) -> None:
    """The others are listed; 3 if some are missing, 1 if all are."""
    fleet["prod"].faults.append(Fault(ASKED, "deny"))
    ran = asyncdbx("runtimes", "-p", "prod", "-p", "dev", "--latest")

    assert ran.code == 3
    assert [line["workspace"] for line in ran.lines] == ["dev"]
    assert ran.err.startswith("asyncdbx: clusters.spark_versions on prod: HTTP 403")

    alone = asyncdbx("runtimes", "-p", "prod")
    assert (alone.code, alone.out) == (1, "")


@pytest.mark.wire
def test_an_account_has_no_runtimes(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Among workspaces it is left out; alone it makes no sense."""
    every = asyncdbx("runtimes", "--all-profiles", "--latest")
    assert (every.code, [line["workspace"] for line in every.lines]) == (0, ["prod", "dev"])

    ran = asyncdbx("runtimes", "-p", "account")
    assert (ran.code, ran.out) == (2, "")
    assert "only a workspace has runtimes" in ran.err


@pytest.mark.wire
def test_as_a_table_and_as_csv(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """For people in words, for programs in columns."""
    table = asyncdbx("runtimes", "-p", "prod", "-o", "table").out.splitlines()
    assert table[0].split() == ["workspace", "key", "spark", "scala", "kind", "support"]
    (ml,) = (line for line in table if "7.6.x-gpu-ml-scala2.12" in line)
    assert ml.split()[2:] == ["3.0.1", "2.12", "ML", "GPU", "ended", "2021-08-08"]
    (extended,) = (line for line in table if "6.4.x-esr" in line)
    assert extended.split()[4:] == ["LTS", "ended"]
    (unknown,) = (line for line in table if "18.2.x" in line)
    assert unknown.split()[1:] == ["18.2.x-scala2.13", "4.1.0", "2.13"]

    text = asyncdbx("runtimes", "-p", "prod", "-o", "csv").out
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows["15.4.x-cpu-ml-scala2.12"]["support_ends"] == "2027-08-19"
    assert rows["18.2.x-scala2.13"]["supported"] == ""


@pytest.mark.parametrize(
    ("answer", "code"),
    [({}, 1), ([], 1), ({"versions": [{"name": "x"}]}, 1), ({"versions": []}, 3)],
    ids=str,
)
def test_an_answer_that_is_no_list_of_versions(
    asyncdbx: Asyncdbx,
    fleet: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
    code: int,
) -> None:
    """It is named, and is not the same as a list of none."""

    async def call(*_: object) -> Any:
        return answer

    monkeypatch.setattr("asyncdbx.fleet.Workspace.call", call)
    ran = asyncdbx("runtimes", "-p", "prod", "--latest")
    assert (ran.code, ran.out) == (code, "")
    assert "prod" in ran.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--scala", "x"], "Invalid value for '--scala': 'x' is no version; write it as"),
        (["--spark", "3."], "Invalid value for '--spark': '3.' is no version; write it as"),
        (["--gpus"], "No such option '--gpus'"),
        (["latest"], "No such command 'latest'"),
        (["--lts", "parse", "x"], "--lts before 'parse' does nothing"),
        (["parse"], "Missing argument 'STRING...'"),
    ],
)
def test_bad_options_are_usage_errors(
    asyncdbx: Asyncdbx, arguments: list[str], says: str
) -> None:
    """In a sentence; nobody is asked."""
    ran = asyncdbx("runtimes", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"asyncdbx: {says}")


def test_what_strings_say(asyncdbx: Asyncdbx) -> None:
    """Without any profile; whatever it is has an answer."""
    ran = asyncdbx("runtimes", "parse", "5.5.x-gpu-ml-scala2.11", "", "nö\x1b")

    assert ran.code == 0
    assert ran.lines[0] == {
        "text": "5.5.x-gpu-ml-scala2.11",
        "form": "dbr",
        "version": "5.5",
        "tags": ["gpu", "ml"],
        "scala": "2.11",
        "prerelease": False,
        "support_ends": "2021-07-10",
        "supported": False,
    }
    assert [(line["text"], line["form"]) for line in ran.lines[1:]] == [
        ("", "unknown"),
        ("nö\x1b", "unknown"),
    ]
    assert ran.lines[1]["supported"] is None


def test_strings_from_stdin(asyncdbx: Asyncdbx, monkeypatch: pytest.MonkeyPatch) -> None:
    """One a line, among those given; not even a byte that is no text is refused."""
    given = io.TextIOWrapper(io.BytesIO(b"18.x-scala2.13\r\n\nclient.1\xff\nauto:latest"))
    monkeypatch.setattr("sys.stdin", given)
    ran = asyncdbx("runtimes", "parse", "a", "-", "b\udcff", "-o", "csv")

    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["text"] for row in rows] == [
        *("a", "18.x-scala2.13", "client.1�", "auto:latest", "b?")
    ]
    assert [row["version"] for row in rows] == ["", "18", "", "", ""]


def test_strings_as_a_table(asyncdbx: Asyncdbx) -> None:
    """A line each."""
    ran = asyncdbx("runtimes", "parse", "-o", "table", "5.5.x-gpu-ml-scala2.11")

    heading, line = ran.out.splitlines()
    assert heading.split() == ["text", "form", "version", "tags", "scala", "support"]
    assert line.split()[2:] == ["5.5", "gpu", "ml", "2.11", "ended", "2021-07-10"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("16.4.x-scala2.12", "until 2028-05-09"),
        ("13.3.x-scala2.12", "ended 2026-08-22"),
        ("7.3.x-scala2.12", "ended"),
        ("18.2.x-scala2.13", ""),
    ],
)
def test_support_in_words(text: str, words: str) -> None:
    """On a day; what is not known is not said."""
    assert SUPPORT.value(support_facts(parse(text), date(2026, 11, 26))) == words


def test_parse_explains_itself(asyncdbx: Asyncdbx) -> None:
    """With examples that call it."""
    ran = asyncdbx("runtimes", "parse", "--help")

    assert "Examples:\n    1. " in ran.out
    assert "asyncdbx runtimes parse -" in ran.out
