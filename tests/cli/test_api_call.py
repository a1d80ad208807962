"""The words of ``asyncdbx api`` become a request: what goes to path, query and body."""

from pathlib import Path
from typing import Any

import pytest

from asyncdbx.catalog import Request
from asyncdbx.cli.api_call import Wish, json_value
from asyncdbx.errors import UsageError


def _request(*words: str, body: Any = None, paginate: bool = False) -> Request:
    """Return the request of ``GET /path a=1 b=2`` or ``name a=1``."""
    target, *rest = words
    path = rest.pop(0) if rest and "=" not in rest[0].partition("?")[0] else None
    pairs = [word.partition("=") for word in rest]
    data = tuple((name, value) for name, _, value in pairs)
    endpoint, arguments = Wish(target, path, data, body, paginate).of("workspace")
    return endpoint.request(arguments, account_id="acc")


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (("GET", "/api/x"), Request("GET", "/api/x")),
        (("get", "/api/x"), Request("GET", "/api/x")),
        (
            ("GET", "/api/x?a=1&b=&a=2", "c=true"),
            Request("GET", "/api/x", (("a", "1"), ("a", "2"), ("b", ""), ("c", "true"))),
        ),
        (("DELETE", "/api/x", "id=007"), Request("DELETE", "/api/x", (("id", "007"),))),
        (("POST", "/api/x"), Request("POST", "/api/x")),
        (
            ("POST", "/api/x?dry=1", "a=1", "b=x", "c=true", "c=null", 'd={"e": [1]}'),
            Request(
                "POST",
                "/api/x",
                (("dry", "1"),),
                {"a": 1, "b": "x", "c": [True, None], "d": {"e": [1]}},
            ),
        ),
        (
            ("GET", "/a b/ü%2F{account_id}/{x}"),
            Request("GET", "/a%20b/%C3%BC%2Facc/%7Bx%7D"),
        ),
    ],
)
def test_a_path_is_sent_as_it_is(words: tuple[str, ...], request_: Request) -> None:
    """Data goes to the query of GET, HEAD and DELETE, and else to the body."""
    assert _request(*words) == request_


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-1.5", -1.5),
        ("9223372036854775807", 2**63 - 1),
        ("123456789012345678901", "123456789012345678901"),  # no digit may be lost
        ('"5"', '"5"'),
        ("TRUE", "TRUE"),
        ("NaN", "NaN"),
        ("{", "{"),
        ("", ""),
    ],
)
def test_fields_of_a_body_are_json_or_text(text: str, value: Any) -> None:
    """What is no JSON value, or a JSON text, is the text itself."""
    assert _request("POST", "/api/x", f"a={text}").body == {"a": value}


def test_a_known_path_keeps_what_the_catalog_knows() -> None:
    """Name and so limit group, paging, repeat-safety; unknown arguments are sent too."""
    wish = Wish("POST", "/api/2.1/clusters/events", (("new_field", "x"),), paginate=True)
    endpoint, arguments = wish.of("workspace")

    assert (endpoint.name, endpoint.items) == ("clusters.events", "events")
    assert arguments == {"new_field": "x"}


def test_an_unknown_path_is_repeated_only_if_it_reads() -> None:
    """Nobody knows what an unknown POST does."""
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    endpoints = [Wish(method, "/api/9.9/x").of("workspace")[0] for method in methods]

    assert [endpoint.repeat_safe for endpoint in endpoints] == [True, True, *[False] * 4]
    assert endpoints[0].name == "GET /api/9.9/x"


def test_by_name_an_argument_goes_where_it_belongs() -> None:
    """Text in path and query, JSON in the body."""
    assert _request("jobs.list", "limit=5", "name=007") == Request(
        "GET", "/api/2.2/jobs/list", (("limit", "5"), ("name", "007"))
    )
    assert _request("secrets.create_scope", "scope=etl", "scope_backend_type=true") == (
        Request(
            "POST",
            "/api/2.0/secrets/scopes/create",
            (),
            {"scope": "etl", "scope_backend_type": True},
        )
    )


def test_json_is_the_body_of_a_name() -> None:
    """Path arguments come with ``--data``; fields the catalog does not know are sent."""
    request = _request("repos.update", "repo_id=5", body={"branch": "main", "new": 1})

    assert request == Request("PATCH", "/api/2.0/repos/5", (), {"branch": "main", "new": 1})


def test_json_is_the_argument_that_is_the_whole_body() -> None:
    """Some methods of the SDK take the object itself."""
    request = _request("agent_kit.create_memory_store", body={"name": "x"})

    assert request.body == {"name": "x"}


def test_json_is_the_body_of_a_path() -> None:
    """Data then goes to the query."""
    assert _request("POST", "/api/x", "q=1", body={"a": 1}) == Request(
        "POST", "/api/x", (("q", "1"),), {"a": 1}
    )


def test_a_body_may_be_a_list() -> None:
    """Some endpoints take one."""
    assert _request("POST", "/api/x", body=[1, 2]).body == [1, 2]


def test_a_file_is_uploaded(tmp_path: Path) -> None:
    """``@FILE`` for the argument that is the content; a text for itself."""
    file = tmp_path / "x.bin"
    file.write_bytes(b"\x00\xff")

    assert _request("files.upload", "file_path=/V/x", f"contents=@{file}").body == (
        b"\x00\xff"
    )
    assert _request("files.upload", "file_path=/V/x", "contents=abc").body == b"abc"


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (Wish("clsters.list"), "did you mean 'clusters.list'?"),
        (Wish("GET"), "GET needs a path"),
        (Wish("/api/2.0/x"), "say which method: asyncdbx api GET /api/2.0/x"),
        (Wish("FETCH", "/api/2.0/x"), "'FETCH' is no method; there are GET,"),
        (Wish("GET", "api/2.0/x"), "'api/2.0/x' is no path: it must begin with /"),
        (Wish("GET", "https://h/x"), "it must begin with /"),
        (Wish("GET", "/api/9/x", paginate=True), "no known listing"),
        (Wish("clusters.get", paginate=True), "no known listing"),
        (Wish("POST", "/x?a=1", (("a", "2"),)), "'a' is given twice"),
        (Wish("POST", "/x", (("a", "2"),), {"a": 1}), "'a' is given twice"),
        (Wish("files.upload", None, (("contents", "@/nix"),)), "/nix cannot be read"),
        (Wish("workspaces.list"), "exists for the account only"),
    ],
)
def test_words_that_make_no_sense_are_said(wish: Wish, says: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError) as caught:
        wish.of("workspace")

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{", "--json: byte 1: the document ends too early"),
        (b"<html>", "--json: byte 0: HTML, not JSON"),
        (b'{"a": 18446744073709551616}', "--json: Integer exceeds 64-bit range"),
    ],
)
def test_json_that_cannot_be_sent_is_said(text: bytes, says: str) -> None:
    """What it is, and where."""
    with pytest.raises(UsageError) as caught:
        json_value(text, "--json")

    assert str(caught.value) == says
