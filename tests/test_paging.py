"""How listings go on, with every trap of the paging styles."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdbx import catalog
from asyncdbx.catalog.paging import PAGE_SIZES, Page, Pager
from asyncdbx.errors import BadAnswer, Incomplete, Moved


def start(name: str, **arguments: Any) -> Pager:
    return Pager.start(catalog.endpoint(name), arguments)


def page(records: int, first: object = None, *, found: bool = True, **rest: Any) -> Page:
    """A page; its first record is made up unless it is given."""
    page.made += 1  # type: ignore[attr-defined]
    raw = json.dumps({"id": page.made if first is None else first}).encode()  # type: ignore[attr-defined]
    return Page(records, raw if records else b"", rest, found)


page.made = 0  # type: ignore[attr-defined]


def follow(pager: Pager, *pages: Page) -> list[dict[str, Any]]:
    """Return the arguments of each request, and None at the end."""
    asked = []
    for answer in pages:
        assert not pager.done
        asked.append(dict(pager.arguments))
        pager.advance(answer)
    return asked


# --- tokens -----------------------------------------------------------------------------


def test_a_token_leads_on_and_everything_else_stays() -> None:
    """GET: the token is added to the parameters of the first request."""
    pager = start("jobs.list", expand_tasks=True)
    first = {"expand_tasks": True, "limit": 100}

    assert follow(
        pager, page(100, next_page_token="a+b/="), page(7, next_page_token="")
    ) == [first, {**first, "page_token": "a+b/="}]
    assert (pager.done, pager.pages, pager.received) == (True, 2, 107)


@pytest.mark.parametrize("rest", [{}, {"next_page_token": ""}, {"next_page_token": None}])
def test_three_ways_to_say_that_it_ends(rest: dict[str, Any]) -> None:
    """No token, an empty one, null."""
    pager = start("clusters.list")
    pager.advance(page(3, **rest))

    assert pager.done


def test_a_short_or_empty_page_ends_nothing() -> None:
    """The token is the only end mark."""
    pager = start("tables.list", catalog_name="c", schema_name="s")
    answers = [page(0, next_page_token=str(n)) for n in range(10)]
    follow(pager, *answers, page(1, next_page_token="x"), page(0))

    assert (pager.done, pager.received) == (True, 1)


def test_a_page_without_the_list_is_empty_if_nothing_strange_is_in_it() -> None:
    """``{}`` is the usual answer of an empty workspace; a token may stand alone."""
    pager = start("clusters.list")
    pager.advance(page(0, found=False, next_page_token="t", prev_page_token=""))
    assert not pager.done
    pager.advance(page(0, found=False))
    assert (pager.done, pager.received) == (True, 0)


@pytest.mark.parametrize("name", ["clusters.list", "dbfs.list", "users.list"])
def test_something_else_instead_of_a_list_is_no_empty_list(name: str) -> None:
    """An error body, a renamed key, another endpoint's answer."""
    items = catalog.endpoint(name).items
    strange = page(0, found=False, error="boom", data=[1])
    with pytest.raises(BadAnswer) as caught:
        start(name).advance(strange)

    assert type(caught.value) is BadAnswer
    assert str(caught.value) == f"an answer without {items!r}, but with data, error"


def test_a_size_given_by_the_caller_stays() -> None:
    """By its SDK name or by the name on the wire; None is not given."""
    assert start("jobs.list", limit=5).arguments == {"limit": 5}
    assert start("clusters.list", page_size=None).arguments == {"page_size": 100}
    assert start("users.list", count=7).arguments == {"startIndex": 1, "count": 7}
    assert start("users.list", start_index=None).arguments["startIndex"] == 1


@pytest.mark.parametrize("name", PAGE_SIZES)
def test_every_page_size_is_of_a_listing_with_a_size(name: str) -> None:
    """The first request asks for the largest page, with a parameter that exists."""
    scope = next(scope for scope, known in catalog.names() if known == name)
    endpoint = catalog.endpoint(name, scope)
    assert endpoint.paging is not None
    pager = Pager.start(endpoint, {})

    assert pager.arguments == {endpoint.paging.size: PAGE_SIZES[name]}


def test_unity_catalog_is_asked_for_pages() -> None:
    """``max_results=0`` on each request: left out, everything would come unpaged."""
    pager = start("tables.list", catalog_name="c", schema_name="s")
    for expected in ({}, {"page_token": "t"}):
        query = dict(pager.endpoint.request(pager.arguments).query)
        assert query == {
            "catalog_name": "c", "schema_name": "s", "max_results": "0", **expected
        }  # fmt: skip
        if not expected:
            pager.advance(page(1, next_page_token="t"))


def test_a_token_travels_in_the_body_of_a_search() -> None:
    """POST: as a field, beside the others."""
    pager = start("experiments.search_experiments", filter="x")
    pager.advance(page(1, next_page_token="t"))
    request = pager.endpoint.request(pager.arguments)

    assert (request.method, request.query) == ("POST", ())
    assert request.body == {"filter": "x", "max_results": 1000, "page_token": "t"}


def test_repos_have_their_own_name_for_it() -> None:
    """Request and response call it ``next_page_token``."""
    pager = start("repos.list")
    pager.advance(page(1, next_page_token="t"))

    assert pager.arguments == {"next_page_token": "t"}


def test_pipeline_events_refuse_anything_beside_a_token() -> None:
    """Only the pipeline and the size of the page stay."""
    pager = start(
        "pipelines.list_pipeline_events", pipeline_id="p", filter="f", max_results=9
    )
    pager.advance(page(1, next_page_token="t"))

    assert pager.arguments == {"pipeline_id": "p", "max_results": 9, "page_token": "t"}


@pytest.mark.parametrize("key", ["has_more", "has_next_page"])
def test_more_without_a_token_is_an_error(key: str) -> None:
    """And with one it goes on; without more, the token decides."""
    with pytest.raises(Incomplete, match="there is more, but gives no page token"):
        start("jobs.list").advance(page(1, **{key: True}))
    pager = start("jobs.list")
    pager.advance(page(1, **{key: False}, next_page_token="t"))
    assert not pager.done
    pager.advance(page(1, **{key: False}))
    assert pager.done


@pytest.mark.parametrize("token", [7, 0, True, False, {"a": 1}, ["t"]])
def test_a_token_that_is_no_text_is_an_error(token: Any) -> None:
    """It is neither the end nor something to send."""
    with pytest.raises(Incomplete, match=r"the page token is .*, not a text"):
        start("jobs.list").advance(page(1, next_page_token=token))


# --- listings that never end ------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "pages"),
    [("aa", 2), ("aba", 3), ("abcdb", 5), ("abcda", 5)],
)
def test_a_token_that_comes_again_is_an_error(tokens: str, pages: int) -> None:
    """The same at once, or a cycle: noticed before a page is asked for twice."""
    pager = start("jobs.list")
    for token in tokens[:-1]:
        pager.advance(page(1, next_page_token=token))
    with pytest.raises(Incomplete) as caught:
        pager.advance(page(1, next_page_token=tokens[-1]))

    assert str(caught.value) == (
        f"after page {pages} the server goes back to a page it gave"
    )
    assert not pager.done


def test_empty_pages_with_ever_new_tokens_end() -> None:
    """A thousand in a row; a record in between starts the count again."""
    pager = start("jobs.list")
    for n in range(999):
        pager.advance(page(0, next_page_token=f"a{n}"))
    pager.advance(page(1, next_page_token="b"))
    for n in range(999):
        pager.advance(page(0, next_page_token=f"c{n}"))
    with pytest.raises(Incomplete, match="1000 empty pages in a row"):
        pager.advance(page(0, next_page_token="d"))


@pytest.mark.parametrize("cycle", ["x", "xy", "xyz"])
def test_the_same_records_with_ever_new_tokens_end(cycle: str) -> None:
    """Also if two or three pages alternate."""
    pager = start("jobs.list")
    with pytest.raises(Incomplete, match="holds the records of an earlier page"):
        for n in range(100):
            pager.advance(page(1, cycle[n % len(cycle)], next_page_token=str(n)))

    assert pager.pages == len(cycle) + 3


def test_a_record_that_moved_to_the_next_page_is_no_endless_listing() -> None:
    """Listings are no snapshots: a record may come twice."""
    pager = start("jobs.list")
    for n, first in enumerate("aabbcdcd"):
        pager.advance(page(1, first, next_page_token=str(n)))

    assert not pager.done


# --- the other styles -------------------------------------------------------------------


def test_the_next_request_is_in_the_answer() -> None:
    """clusters/events: the body as it came, nothing of ours besides."""
    pager = start("clusters.events", cluster_id="c", order="ASC")
    body = {"cluster_id": "c", "offset": 500, "limit": 500}
    asked = follow(pager, page(500, next_page=body), page(2, total_count=502))

    assert asked == [{"cluster_id": "c", "order": "ASC", "page_size": 500}, body]
    assert pager.done


@pytest.mark.parametrize("end", [None, {}])
def test_no_next_request_is_the_end(end: Any) -> None:
    """Missing, null or empty."""
    pager = start("clusters.events", cluster_id="c")
    pager.advance(page(1, next_page=end))

    assert pager.done


def test_a_next_request_that_is_none_or_comes_again_is_an_error() -> None:
    """A text instead of a body; the same body for ever."""
    with pytest.raises(Incomplete, match="the next request is not an object"):
        start("clusters.events", cluster_id="c").advance(page(1, next_page="t"))
    pager = start("clusters.events", cluster_id="c")
    pager.advance(page(1, next_page={"cluster_id": "c", "offset": 1}))
    with pytest.raises(Incomplete, match="goes back to a page"):
        pager.advance(page(1, next_page={"offset": 1, "cluster_id": "c"}))


def test_scim_goes_on_from_what_came() -> None:
    """100 were asked for, 40 came: the next index is 41; the total ends it."""
    pager = start("users.list", filter="active eq true")
    asked = follow(
        pager,
        page(40, totalResults=95, startIndex=1, itemsPerPage=40, schemas=[]),
        page(40, totalResults=95),
        page(15, totalResults=95),
    )

    assert [arguments["startIndex"] for arguments in asked] == [1, 41, 81]
    assert {arguments["count"] for arguments in asked} == {100}
    assert {arguments["filter"] for arguments in asked} == {"active eq true"}
    assert (pager.done, pager.received) == (True, 95)


def test_scim_without_a_total_ends_with_an_empty_page() -> None:
    """And a total of 0 needs no list at all."""
    pager = start("groups.list")
    follow(pager, page(100), page(3), page(0))
    assert (pager.done, pager.received) == (True, 103)

    pager = start("groups.list")
    pager.advance(page(0, found=False, totalResults=0, schemas=[], itemsPerPage=0))
    assert pager.done


def test_scim_that_stops_before_its_total_is_incomplete() -> None:
    """40 of 95 is not the whole list."""
    pager = start("users.list")
    pager.advance(page(40, totalResults=95))
    with pytest.raises(Incomplete, match="the listing stops at 40 of 95 records"):
        pager.advance(page(0, totalResults=95))


def test_scim_that_does_not_look_at_the_index_is_incomplete() -> None:
    """The first page again and again: 3 x 100 are not the 250 of the total."""
    pager = start("users.list")
    pager.advance(page(100, "u1", totalResults=150))
    with pytest.raises(Incomplete, match="page 2 holds the records of an earlier page"):
        pager.advance(page(100, "u1", totalResults=150))

    assert not pager.done


def test_scim_whose_total_shrinks_or_grows_ends_where_it_says_now() -> None:
    """People come and go while a listing runs."""
    pager = start("users.list")
    follow(pager, page(100, totalResults=250), page(100, totalResults=199))
    assert pager.done

    pager = start("users.list")
    follow(
        pager,
        page(100, totalResults=100 + 1),
        page(1, totalResults=102),
        page(1, totalResults=102),
    )
    assert pager.done


def test_scim_begins_where_the_caller_says() -> None:
    """An index of the caller counts into the total."""
    pager = start("users.list", start_index=91)
    pager.advance(page(5, totalResults=95))

    assert pager.done


def test_page_numbers_count_up_to_the_count() -> None:
    """queries_legacy.list: from 1; received against ``count``."""
    pager = start("queries_legacy.list")
    asked = follow(
        pager,
        page(25, count=55, page=1, page_size=25),
        page(25, count=55, page=2, page_size=25),
        page(5, count=55, page=3, page_size=25),
    )

    assert [arguments["page"] for arguments in asked] == [1, 2, 3]
    assert pager.done


def test_page_numbers_that_lead_nowhere_are_incomplete() -> None:
    """An empty page before the count, or the first page for ever."""
    pager = start("queries_legacy.list")
    pager.advance(page(25, count=55))
    with pytest.raises(Incomplete, match="the listing stops at 25 of 55 records"):
        pager.advance(page(0, count=55))

    pager = start("queries_legacy.list")
    pager.advance(page(25, "q", count=40))
    with pytest.raises(Incomplete, match="page 2 holds the records of an earlier page"):
        pager.advance(page(25, "q", count=40))


def test_page_numbers_without_a_count_end_with_an_empty_page() -> None:
    """As there is nothing else to go by."""
    pager = start("dashboards.list")
    follow(pager, page(25), page(0))

    assert pager.done


def test_a_listing_without_pages_is_one_answer() -> None:
    """Unless it says that there is more, of which nobody here knew."""
    pager = start("instance_pools.list")
    pager.advance(page(3, next_page_token="", has_more=False))

    assert (pager.done, pager.pages, pager.received) == (True, 1, 3)
    for more in ({"next_page_token": "t"}, {"has_more": True}):
        with pytest.raises(Incomplete, match="but the catalog knows of no pages here"):
            start("instance_pools.list").advance(page(3, **more))


def test_a_bare_array_is_a_listing() -> None:
    """Account lists: an array, or ``{}``, but no object with something in it."""
    endpoint = catalog.endpoint("workspaces.list", "account")
    pager = Pager.start(endpoint, {})
    pager.advance(page(3))
    assert pager.done

    pager = Pager.start(endpoint, {})
    pager.advance(page(0, found=False))
    assert pager.done
    with pytest.raises(BadAnswer, match="an answer without '', but with message"):
        Pager.start(endpoint, {}).advance(page(0, found=False, message="no"))


# --- resuming ---------------------------------------------------------------------------

Answers = Callable[[Mapping[str, Any]], Page]


def scim(arguments: Mapping[str, Any]) -> Page:
    index = arguments["startIndex"]
    return page(min(40, 96 - index), index, totalResults=95)


def tokens(arguments: Mapping[str, Any]) -> Page:
    number = int(arguments.get("page_token", "0"))
    return page(10, number, next_page_token=str(number + 1) if number < 6 else "")


def numbers(arguments: Mapping[str, Any]) -> Page:
    return page(25 if arguments["page"] < 3 else 5, arguments["page"], count=55)


def bodies(arguments: Mapping[str, Any]) -> Page:
    offset = arguments.get("offset", 0)
    following = {"cluster_id": "c", "offset": offset + 1}
    return page(1, offset, next_page=following if offset < 4 else None)


@given(stops=st.sets(st.integers(0, 8)))
@pytest.mark.parametrize(
    ("name", "server", "records", "again"),
    [
        ("users.list", scim, 95, 1),
        ("jobs.list", tokens, 70, 0),
        ("queries_legacy.list", numbers, 55, 1),
        ("clusters.events", bodies, 5, 0),
    ],
)
def test_a_listing_goes_on_from_any_cursor(
    name: str, server: Answers, records: int, again: int, stops: set[int]
) -> None:
    """Interrupted anywhere and taken up again, it asks for the same pages, no other.

    By position, for the last one again: what stands before may have moved.
    """
    asked: list[str] = []
    repeated = 0
    pager = start(name, **({"cluster_id": "c"} if name == "clusters.events" else {}))
    while not pager.done:
        if pager.pages in stops:
            stops = stops - {pager.pages}
            repeated += again if pager.pages else 0
            pager = Pager.resume(pager.endpoint, pager.cursor)
        asked.append(json.dumps(pager.arguments, sort_keys=True))
        pager.advance(server(pager.arguments))

    assert pager.received == records
    assert len(set(asked)) == pager.pages
    assert len(asked) == pager.pages + repeated


@pytest.mark.parametrize(
    ("name", "server"), [("users.list", scim), ("queries_legacy.list", numbers)]
)
def test_a_listing_by_position_that_has_moved(name: str, server: Answers) -> None:
    """Its last page begins otherwise: one before it has come or gone."""
    pager = start(name)
    pager.advance(server(pager.arguments))
    pager = Pager.resume(pager.endpoint, pager.cursor)
    moved = page(25, 17, totalResults=95, count=55)
    with pytest.raises(Moved, match="page 1 does not begin as it did"):
        pager.advance(moved)
