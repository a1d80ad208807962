"""How a listing goes on after a page, and when it has really ended. Pure.

A listing that cannot be followed to its end is an error, never a short list: a token that
comes back, a cycle, tokens that never end, ``has_more`` without a token.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from asyncdbx.catalog.endpoint import Endpoint, Paging
from asyncdbx.errors import BadAnswer, Incomplete, Moved

__all__ = ["Page", "Pager"]

# What a page may hold besides its records. A 200 without the list's key is an empty page
# only if nothing else stands in it: an error body must never look like an empty list.
AROUND_RECORDS = frozenset(
    {
        "count",
        "has_more",
        "has_next_page",
        "itemsPerPage",
        "next_page",
        "next_page_token",
        "page",
        "page_size",
        "prev_page_token",
        "root_uri",
        "schemas",
        "startIndex",
        "totalResults",
        "total_count",
    }
)
BY_POSITION = frozenset({"scim", "page"})
SAY_MORE = ("has_more", "has_next_page")

# Second name of the list's key: code and printed example of the API differ (chapter 1.2).
OTHER_KEY = {"secrets.list_acls": "acls"}

# With a page token these refuse every other argument but the page size.
TOKEN_ALONE = frozenset({"pipelines.list_pipeline_events"})

# The largest page that is documented; a larger one is an error on some, clamped on others.
# Source: the SDK's docstrings and the API pages, chapter 1.1 of the project's API notes.
PAGE_SIZES = {
    "alerts.list": 100,
    "budget_policy.list": 1000,
    "clusters.list": 100,
    "clusters.events": 500,
    "experiments.search_experiments": 1000,
    "files.list_directory_contents": 1000,
    "jobs.list": 100,
    "jobs.list_runs": 24,
    "lakeview.list": 1000,
    "model_registry.list_models": 1000,
    "model_registry.search_model_versions": 1000,
    "model_registry.search_models": 1000,
    "pipelines.list_pipelines": 100,
    "queries.list": 100,
    "query_history.list": 999,
}
SCIM_PAGE = 100  # the API pages say "at most 100"; the next index is taken from what came

EMPTY_PAGES = 1_000  # in a row, all with a token: nothing lists so slowly on purpose
SAME_PAGES = 3  # in a row, all with new tokens but with records of earlier pages


@dataclass(frozen=True, slots=True)
class Page:
    """What a listing's answer held.

    Attributes:
        records: How many.
        first: Raw bytes of the first record, to notice a page that comes again.
        rest: The document without the list.
        found: The list's key was there.
    """

    records: int
    first: bytes
    rest: Mapping[str, Any]
    found: bool


@dataclass(slots=True)
class Pager:
    """Where one listing stands.

    Attributes:
        endpoint: Which listing.
        arguments: Of the next request.
        done: There is no next request.
        pages: Answers so far.
        received: Records so far.
    """

    endpoint: Endpoint
    arguments: dict[str, Any]
    done: bool = False
    pages: int = 0
    received: int = 0
    # Of the last page, if pages are asked for by position: arguments, records, beginning;
    # and how the first one since the cursor has to begin.
    _last: dict[str, Any] | None = None
    _begins: str | None = None
    _seen: set[bytes] = field(default_factory=set[bytes])
    _empty: int = 0
    _same: int = 0
    _firsts: set[bytes] = field(default_factory=set[bytes])

    @classmethod
    def start(cls, endpoint: Endpoint, arguments: Mapping[str, Any]) -> "Pager":
        """Return a listing at its beginning, with the largest page that is allowed."""
        wire = {**endpoint.query_args, **endpoint.body_args}
        given = {name: value for name, value in arguments.items() if value is not None}
        first = {wire.get(name, name): value for name, value in given.items()}
        paging = endpoint.paging
        if paging is not None:
            if paging.style == "scim":
                first.setdefault(paging.request_token, 1)
                first.setdefault(paging.size, SCIM_PAGE)
            elif paging.style == "page":
                first.setdefault(paging.request_token, 1)
            elif paging.size and endpoint.name in PAGE_SIZES:
                first.setdefault(paging.size, PAGE_SIZES[endpoint.name])
        return cls(endpoint, first)

    @classmethod
    def resume(cls, endpoint: Endpoint, cursor: str) -> "Pager":
        """Return a listing where ``cursor`` was taken.

        Where pages are asked for by position, the last one comes first again: only if it
        begins as it did has nothing before it moved.
        """
        state = json.loads(cursor)
        pages, received = state["pages"], state["received"]
        last = state.get("last")
        if last is None:
            return cls(endpoint, state["arguments"], pages=pages, received=received)
        return cls(
            endpoint,
            last["arguments"],
            pages=pages - 1,
            received=received - last["records"],
            _begins=last["begins"],
        )

    @property
    def cursor(self) -> str:
        """Where the listing stands, as JSON, to go on from there in another run."""
        state = {
            "arguments": self.arguments,
            "pages": self.pages,
            "received": self.received,
            "last": self._last,
        }
        return json.dumps(state, ensure_ascii=False, separators=(",", ":"))

    def advance(self, page: Page) -> None:
        """Take an answer; afterwards ``done`` or ``arguments`` say what comes next.

        Raises:
            BadAnswer: it is no page of this listing.
            Moved: it is the first since the cursor, and began otherwise then.
            Incomplete: the listing cannot be followed to its end.
        """
        if not page.found:
            _refuse_strange(self.endpoint, page.rest)
        begins = _mark(page.first).hex()
        if self._begins not in {None, begins}:
            raise Moved(f"page {self.pages + 1} does not begin as it did")
        self._begins = None
        self.pages += 1
        self.received += page.records
        paging = self.endpoint.paging
        if paging is None:
            _refuse_more(page.rest)
            self.done = True
            return
        following = self._following(paging, page)
        self._refuse_same(paging, page)
        if following is None:
            self.done = True
            return
        self._refuse_endless(following, page)
        if paging.style in BY_POSITION:
            self._last = {
                "arguments": self.arguments,
                "records": page.records,
                "begins": begins,
            }
        self.arguments = following

    def _following(self, paging: Paging, page: Page) -> dict[str, Any] | None:
        """Return the arguments of the next request, or None at the end."""
        match paging.style:
            case "token":
                return self._by_token(paging, page.rest)
            case "next_body":
                return self._by_body(paging, page.rest)
            case "scim":
                return self._by_index(paging, page)
            case "page":
                return self._by_number(paging, page)

    def _by_token(self, paging: Paging, rest: Mapping[str, Any]) -> dict[str, Any] | None:
        token = rest.get(paging.response_token)
        if token is None or token == "":
            if any(rest.get(key) is True for key in SAY_MORE):
                raise Incomplete("the server says there is more, but gives no page token")
            return None
        if not isinstance(token, str):
            raise Incomplete(f"the page token is {json.dumps(token)[:80]}, not a text")
        arguments = self.arguments
        if self.endpoint.name in TOKEN_ALONE:
            size = {paging.size, *self.endpoint.path_args}
            arguments = {key: arguments[key] for key in arguments if key in size}
        return {**arguments, paging.request_token: token}

    def _by_body(self, paging: Paging, rest: Mapping[str, Any]) -> dict[str, Any] | None:
        body = rest.get(paging.response_token)
        if body is None or body == {}:
            return None
        if not isinstance(body, dict):
            raise Incomplete("the next request is not an object")
        return cast("dict[str, Any]", body)

    def _by_index(self, paging: Paging, page: Page) -> dict[str, Any] | None:
        """SCIM: the next index follows from what came, never from what was asked."""
        total = page.rest.get("totalResults")
        received = int(self.arguments[paging.request_token]) - 1 + page.records
        if isinstance(total, int) and received >= total:
            return None
        if page.records == 0:
            if isinstance(total, int):
                raise Incomplete(f"the listing stops at {received} of {total} records")
            return None
        return {**self.arguments, paging.request_token: received + 1}

    def _by_number(self, paging: Paging, page: Page) -> dict[str, Any] | None:
        total = page.rest.get("count")
        if isinstance(total, int) and self.received >= total:
            return None
        if page.records == 0:
            if isinstance(total, int):
                raise Incomplete(f"the listing stops at {self.received} of {total} records")
            return None
        number = int(self.arguments[paging.request_token]) + 1
        return {**self.arguments, paging.request_token: number}

    def _refuse_endless(self, following: dict[str, Any], page: Page) -> None:
        asked = json.dumps(following, sort_keys=True, default=str).encode()
        mark = _mark(asked)
        if mark in self._seen:
            raise Incomplete(
                f"after page {self.pages} the server goes back to a page it gave"
            )
        self._seen.add(mark)
        self._empty = 0 if page.records else self._empty + 1
        if self._empty >= EMPTY_PAGES:
            raise Incomplete(f"{self._empty} empty pages in a row, and always a next one")

    def _refuse_same(self, paging: Paging, page: Page) -> None:
        """Refuse pages that begin like earlier ones.

        Where pages are asked for by position, the first is one too many: a server that
        does not look at the position gives its first page until the total is reached.
        """
        if not page.first:
            return
        first = _mark(page.first)
        self._same = self._same + 1 if first in self._firsts else 0
        self._firsts.add(first)
        if self._same >= (1 if paging.style in BY_POSITION else SAME_PAGES):
            raise Incomplete(f"page {self.pages} holds the records of an earlier page")


def _mark(text: bytes) -> bytes:
    """Return what tells a text from others."""
    return hashlib.blake2b(text, digest_size=8).digest()


def _refuse_more(rest: Mapping[str, Any]) -> None:
    """Refuse to take a page for a whole listing, of which the catalog knows no pages."""
    if rest.get("next_page_token") or any(rest.get(key) is True for key in SAY_MORE):
        raise Incomplete(
            "the server says there is more, but the catalog knows of no pages here"
        )


def _refuse_strange(endpoint: Endpoint, rest: Mapping[str, Any]) -> None:
    if strange := sorted(rest.keys() - AROUND_RECORDS):
        raise BadAnswer(
            f"an answer without {endpoint.items!r}, but with {', '.join(strange)[:200]}"
        )
