"""Paging: every style of the API with its traps, and tokens that cannot be misused."""

from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import pytest
from direct import Direct

from asyncdbx.simulator.call import Call, Refusal
from asyncdbx.simulator.paging import Pages, next_body, numbered, unity

ITEMS = list(range(1000))
JOBS = "/api/2.2/jobs/list"


def _call(path: str = "/api/x", /, **query: Any) -> Call:
    return Call("GET", path, {}, {key: str(value) for key, value in query.items()})


def _pages(
    rule: Pages, items: list[int], path: str = "/api/x", **query: Any
) -> Iterator[Any]:
    while True:
        page = rule.cut(_call(path, **query), items)
        yield page
        if not page.get("next_page_token"):
            return
        query[rule.token] = page["next_page_token"]


def _lengths(rule: Pages, size: int) -> list[int]:
    return [len(page.get("items", ())) for page in _pages(rule, ITEMS, page_size=size)]


def test_all_items_come_once_and_in_order() -> None:
    """Whatever the page size, and although pages may be short or empty."""
    for size in range(1, 60):
        found = [
            i
            for p in _pages(Pages("items"), ITEMS, page_size=size)
            for i in p.get("items", ())
        ]
        assert found == ITEMS


def test_some_pages_are_empty_or_short_before_the_end() -> None:
    """The token is the only sign of the end; nothing is larger than asked for."""
    lengths = _lengths(Pages("items"), 10)
    assert max(lengths) == 10
    assert 0 in lengths[:-1]
    assert 5 in lengths[:-1]


def test_the_last_page_has_no_token_or_an_empty_one() -> None:
    """Both happen, depending on the request."""
    rule = Pages("items", moody=False)
    ends = {
        rule.cut(_call(f"/api/{n}"), [1]).get("next_page_token", None) for n in range(20)
    }
    assert ends == {None, ""}


def test_an_empty_list_is_an_empty_object() -> None:
    """No key, no token."""
    assert [Pages("items").cut(_call(f"/api/{n}"), []) for n in range(20)] == [{}] * 20


def test_a_token_breaks_unless_it_is_encoded() -> None:
    """It contains a plus, a slash and an equals sign."""
    token = Pages("items", moody=False).cut(_call(), ITEMS)["next_page_token"]
    assert {"+", "/", "="} <= set(token)
    assert unquote_plus(token) != token
    assert unquote_plus(quote_plus(token)) == token
    with pytest.raises(Refusal, match="Invalid page token"):
        Pages("items").cut(_call(page_token=unquote_plus(token)), ITEMS)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/x", {"filter": "b"}),
        ("/api/x", {}),
        ("/api/x", {"filter": "a", "more": 1}),
        ("/y", {"filter": "a"}),
    ],
)
def test_a_token_is_bound_to_all_other_parameters(path: str, query: dict[str, Any]) -> None:
    """A changed, missing or added parameter, or another path, is a 400."""
    token = Pages("items").cut(_call(filter="a"), ITEMS)["next_page_token"]
    Pages("items").cut(_call(filter="a", page_token=token), ITEMS)
    with pytest.raises(Refusal, match="does not belong"):
        Pages("items").cut(_call(path, **query, page_token=token), ITEMS)


def test_page_tokens_expire(direct: Direct) -> None:
    """All that were given out so far; a listing that begins anew is whole."""
    query = {"limit": 5, "expand_tasks": "true"}
    token = direct.get(JOBS, **query)["next_page_token"]
    assert "jobs" in direct.get(JOBS, **query, page_token=token)
    for _ in range(2):
        direct.workspace.expire_page_tokens()
        refused = direct.get(JOBS, **query, page_token=token)
        assert (direct.status, refused["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert refused["message"] == "The page token has expired."
        fresh = direct.get(JOBS, **query)["next_page_token"]
        assert fresh != token
        token = fresh
    found = [job["job_id"] for job in direct.every(JOBS, "jobs", **query)]
    assert found == [job["job_id"] for job in direct.workspace.truth("jobs")]


def test_sizes_beyond_the_maximum_are_cut_or_refused() -> None:
    """As the endpoint's documentation says."""
    cut = Pages("items", default=5, maximum=10, moody=False)
    assert [len(cut.cut(_call(**q), ITEMS)["items"]) for q in ({}, {"page_size": 99})] == [
        5,
        10,
    ]
    strict = Pages("items", maximum=10, over="error", zero="error")
    for size in (11, 0, -1):
        with pytest.raises(Refusal, match="must be"):
            strict.cut(_call(page_size=size), ITEMS)
    with pytest.raises(Refusal, match="as a number"):
        cut.cut(_call(page_size="ten"), ITEMS)


def test_zero_may_mean_the_maximum() -> None:
    """Job runs: limit=0 is the server's maximum."""
    rule = Pages("items", "limit", 5, 24, zero="maximum", moody=False)
    assert len(rule.cut(_call(limit=0), ITEMS)["items"]) == 24


def test_unity_catalog_pages_only_if_asked() -> None:
    """Unset = everything at once; 0 = the server's choice; negative = an error."""
    rule = unity("items", 50, 200)
    assert rule.cut(_call(), ITEMS) == {"items": ITEMS}
    found = [p.get("items", []) for p in _pages(rule, ITEMS, max_results=0)]
    assert max(map(len, found)) == 50
    assert [*chain(*found)] == ITEMS
    with pytest.raises(Refusal, match="must be positive"):
        rule.cut(_call(max_results=-1), ITEMS)


def test_numbered_pages_end_with_an_empty_one() -> None:
    """count is the whole, page counts from 1."""
    items = [{"id": n} for n in range(30)]
    assert numbered(_call(page_size=20, page=2), items) == {
        "count": 30,
        "page": 2,
        "page_size": 20,
        "results": items[20:],
    }
    assert numbered(_call(page=9), items)["results"] == []


def test_the_next_page_is_a_whole_body() -> None:
    """Sending it as it is brings the next events, until there is none."""
    body: dict[str, Any] | None = {"cluster_id": "c", "limit": 400, "order": "ASC"}
    found: list[int] = []
    while body is not None:
        call = Call("POST", "/events", {}, {}, _json=body)
        answer = next_body(call, "events", ITEMS)
        assert answer["total_count"] == 1000
        found += answer["events"]
        body = answer.get("next_page")
    assert found == ITEMS
