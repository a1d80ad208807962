"""``asyncdbx api`` against a small fleet."""

import io
import json
import sys
from pathlib import Path

import pytest
from cli_ran import Asyncdbx

from asyncdbx.cli.app import run
from asyncdbx.simulator import Fault, Simulator

pytestmark = pytest.mark.wire


def test_one_answer_is_printed_as_it_was_sent(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Byte for byte, and a line break."""
    cluster = fleet["dev"].truth("clusters")[0]
    by_name = asyncdbx(
        "api", "clusters.get", "-d", f"cluster_id={cluster['cluster_id']}", "-p", "dev"
    )
    by_path = asyncdbx(
        "api",
        "GET",
        f"/api/2.1/clusters/get?cluster_id={cluster['cluster_id']}",
        "-p",
        "dev",
    )

    assert (by_name.code, by_name.err) == (0, "")
    assert json.loads(by_name.out) == cluster
    assert by_name.out.count("\n") == 1
    assert by_path == by_name


@pytest.mark.usefixtures("terminal")
def test_an_answer_is_laid_out_on_a_terminal(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """For people; it is still JSON."""
    ran = asyncdbx("api", "secrets.list_scopes", "-p", "dev")

    assert ran.out.startswith('{\n  "scopes": [\n    {\n      "name": ')
    assert json.loads(ran.out)["scopes"] == fleet["dev"].truth("secret_scopes")


def test_several_answers_say_whose_they_are(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """One line for each workspace."""
    ran = asyncdbx("api", "secrets.list_scopes", "-p", "dev", "-p", "prod")

    assert {line["workspace"]: line["record"]["scopes"] for line in ran.lines} == {
        name: fleet[name].truth("secret_scopes") for name in ("dev", "prod")
    }


@pytest.mark.parametrize(
    "words",
    [("clusters.list",), ("GET", "/api/2.1/clusters/list"), ("users.list",)],
)
def test_paginate_brings_every_record(
    asyncdbx: Asyncdbx, fleet: Simulator, words: tuple[str, ...]
) -> None:
    """Over all pages, by name or by path."""
    ran = asyncdbx("api", *words, "--paginate", "-p", "prod")

    resource = "users" if "users.list" in words else "clusters"
    assert [line["record"] for line in ran.lines] == fleet["prod"].truth(resource)


@pytest.mark.parametrize(
    "words", [("users.list", "-d", "count=1"), ("jobs.list", "-d", "limit=1")]
)
def test_one_page_is_said_to_be_one(
    asyncdbx: Asyncdbx, fleet: Simulator, words: tuple[str, ...]
) -> None:
    """Half a listing must not look whole."""
    ran = asyncdbx("api", *words, "-p", "prod")

    assert ran.code == 0
    assert ran.err == f"asyncdbx: {words[0]} on prod: --paginate brings the other pages\n"


def test_jq_prints_what_the_filter_makes(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Of each record: texts raw, numbers of 64 bits with every digit."""
    ran = asyncdbx(
        *("api", "clusters.list", "--paginate", "-p", "prod"),
        *("--jq", ".cluster_name, [$workspace, .spark_context_id] # why"),
    )

    expected: list[str] = []
    for cluster in fleet["prod"].truth("clusters"):
        expected += [cluster["cluster_name"], f'["prod",{cluster["spark_context_id"]}]']
    assert ran.out.splitlines() == expected


def test_jq_of_one_answer(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """Without pages, the whole answer is filtered."""
    ran = asyncdbx("api", "secrets.list_scopes", "--jq", ".scopes | length", "-p", "dev")

    assert ran.out == f"{len(fleet['dev'].truth('secret_scopes'))}\n"


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("expression", "says"),
    [
        (".[", "asyncdbx: --jq: jq: error: syntax error, unexpected end of file"),
        (".[0]", "asyncdbx: --jq: Cannot index object with number (0)"),
    ],
)
def test_a_filter_that_fails_is_said(
    asyncdbx: Asyncdbx, expression: str, says: str
) -> None:
    """One sentence, exit code 2."""
    ran = asyncdbx("api", "secrets.list_scopes", "--jq", expression, "-p", "dev")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(says)
    assert ran.err.count("\n") == 1


@pytest.mark.usefixtures("fleet")
def test_jq_that_is_not_installed_is_said(
    asyncdbx: Asyncdbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do about it."""
    monkeypatch.setitem(sys.modules, "jq", None)
    ran = asyncdbx("api", "secrets.list_scopes", "--jq", ".", "-p", "dev")

    assert ran.code == 2
    assert ran.err == ("asyncdbx: --jq needs the package jq: pip install 'asyncdbx[jq]'\n")


def test_a_change_is_made_everywhere(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """On every chosen workspace, once."""
    names = [*("-p", "dev", "-p", "prod")]
    made = asyncdbx(
        "api", "POST", "/api/2.0/secrets/scopes/create", "-d", "scope=x", *names
    )
    again = asyncdbx("api", "secrets.create_scope", "--json", '{"scope": "x"}', *names)
    gone = asyncdbx("api", "secrets.delete_scope", "-d", "scope=x", *names)

    assert (made.code, made.err) == (0, "")
    assert again.code == 1
    assert sorted(line.partition(": HTTP")[0] for line in again.err.splitlines()) == [
        "asyncdbx: secrets.create_scope on dev",
        "asyncdbx: secrets.create_scope on prod",
    ]
    assert (gone.code, gone.err) == (0, "")


def test_the_body_may_come_from_stdin(
    asyncdbx: Asyncdbx, fleet: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--json -``; it is JSON or nothing is sent."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"scope": "y",}')))
    before = fleet["dev"].requests
    ran = asyncdbx("api", "secrets.create_scope", "--json", "-", "-p", "dev")

    assert ran.code == 2
    assert ran.err.startswith("asyncdbx: --json, from stdin: byte 13: ")
    assert fleet["dev"].requests == before


@pytest.mark.usefixtures("fleet")
def test_a_body_that_is_not_there_is_said(asyncdbx: Asyncdbx) -> None:
    """The file is named."""
    ran = asyncdbx("api", "secrets.create_scope", "--json", "@/nix", "-p", "dev")

    assert ran.code == 2
    assert ran.err == "asyncdbx: /nix cannot be read: No such file or directory\n"


def test_one_of_several_that_failed_is_named(asyncdbx: Asyncdbx, fleet: Simulator) -> None:
    """The others are printed, and the exit code is 3."""
    fleet["dev"].faults.append(Fault("/api/2.0/secrets/", "deny"))
    ran = asyncdbx("api", "secrets.list_scopes", "-p", "dev", "-p", "prod")

    assert ran.code == 3
    assert ran.err.startswith("asyncdbx: secrets.list_scopes on dev: HTTP 403")
    assert [line["workspace"] for line in ran.lines] == ["prod"]


@pytest.mark.usefixtures("fleet")
def test_a_path_that_nobody_knows_is_called(asyncdbx: Asyncdbx) -> None:
    """It is the server that says no."""
    ran = asyncdbx("api", "GET", "/api/9.9/nix", "-p", "dev")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("asyncdbx: GET /api/9.9/nix on dev: HTTP 404")


@pytest.mark.usefixtures("fleet")
def test_a_file_goes_up_and_comes_down(
    asyncdbx: Asyncdbx, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Byte for byte; a HEAD, which has no body, shows its headers."""
    content = bytes(range(256))
    (tmp_path / "x").write_bytes(content)
    volume = asyncdbx("list", "volumes", "-p", "dev", "--limit", "1").lines[0]["id"]
    path = f"/Volumes/{volume.replace('.', '/')}/x.bin"
    there = f"contents=@{tmp_path / 'x'}"
    up = asyncdbx(
        "api", "files.upload", "-d", f"file_path={path}", "-d", there, "-p", "dev"
    )
    head = asyncdbx("api", "HEAD", f"/api/2.0/fs/files{path}", "-p", "dev")
    code = run(["api", "files.download", "-d", f"file_path={path}", "-p", "dev"])

    assert (up.code, up.err) == (0, "")
    assert head.lines[0]["Content-Type"] == "application/octet-stream"
    assert (code, capsysbinary.readouterr().out) == (0, content)


@pytest.mark.usefixtures("fleet", "terminal")
def test_a_file_is_not_obeyed_by_a_terminal(asyncdbx: Asyncdbx) -> None:
    """What would clear the screen is shown; line breaks stay."""
    volume = asyncdbx("list", "volumes", "-p", "dev", "-o", "jsonl", "--limit", "1")
    path = f"/Volumes/{volume.lines[0]['id'].replace('.', '/')}/x.txt"
    about = ("-d", f"file_path={path}", "-p", "dev")
    asyncdbx("api", "files.upload", "-d", "contents=a\x1b[2J\nb", *about)
    ran = asyncdbx("api", "files.download", *about)

    assert (ran.code, ran.out) == (0, "a\\x1b[2J\nb")


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("clusters.get", "-d", "x"), "--data 'x' is not NAME=VALUE"),
        (("clusters.get", "-d", "x=1"), "clusters.get has no argument 'x'"),
        (("repos.get",), "repos.get needs 'repo_id'"),
        (("GET",), "GET needs a path"),
        (("files.download", "-d", "file_path=/x", "-p", "prod"), "choose one with -p"),
    ],
)
def test_what_makes_no_sense_is_said(
    asyncdbx: Asyncdbx, words: tuple[str, ...], says: str
) -> None:
    """One clear sentence, exit code 2, nothing on stdout."""
    ran = asyncdbx("api", *words, "-p", "dev")

    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
