"""The page as HTML: what it says, that no name changes it, and how large it is."""

import base64
import hashlib
import random
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from written_runs import FIRST, Listed, Sampled, Written, dbfs_files

from asyncdbx.errors import UsageError
from asyncdbx.look.report import changes, gather, render

HOSTILE = (
    "it's",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a/b",
    "\u202egnp.exe",
    "\x1b[2J",
    "👩\u200d🚀",
    "שלום",
    "{{ 7*7 }}",
    "'; DROP TABLE dbfs; --",
    "</title></style></svg><b>",
)
ELEMENTS = frozenset({
    "a", "b", "bdi", "body", "code", "dd", "desc", "details", "div", "dl", "dt",
    "figcaption", "figure", "footer", "h1", "h2", "h3", "head", "header", "html", "li",
    "line", "main", "meta", "nav", "output", "p", "path", "rect", "script", "section",
    "small", "span", "style", "summary", "svg", "table", "tbody", "td", "text", "tfoot",
    "th", "thead", "time", "title", "tr", "ul", "wbr",
})  # fmt: skip
VOID = {"meta", "link", "br", "img", "input", "wbr", "hr"}
OPTIONAL = {"td", "th", "tr", "tbody", "thead", "tfoot", "p", "li", "dt", "dd"}


class Page(HTMLParser):
    """Reads a page as a browser does, as far as these tests care."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.inside: list[str] = []
        self.parts: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.inside.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self.inside[-1] in OPTIONAL and self.inside[-1] != tag:
            self.inside.pop()
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        tag = self.inside[-1] if self.inside else ""
        self.parts[tag] = self.parts.get(tag, "") + data
        if tag not in {"style", "script"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All that is read, with single blanks."""
        return " ".join(" ".join(self.words).split())

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        """Yield the attributes of each element of a kind."""
        return (attributes for name, attributes in self.tags if name == tag)


def page_of(written: Written, at: str = "last") -> str:
    return render(gather(written.folder, at, FIRST + timedelta(days=2)))


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "inventory")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page about the second of two runs in which every name is one of those."""
    written = Written(tmp_path_factory.mktemp("hostile") / "a $(b) <i> 'c'")
    for status in ("complete", "partial"):
        listings: list[Listed] = []
        for name in HOSTILE:
            cluster = {"cluster_name": name, "spark_version": "6.4.x-scala2.11"}
            pieces = [("object", name, 3, f"error {name}")]
            listings += [
                Listed(name, "clusters", {name: cluster}),
                Listed(name, "dbfs", dbfs_files({f"/x{name}/{name}/f": 1})),
                Listed(name, "jobs", status=status, error=name, missing=pieces),
                Listed(name, "users", status="denied", error=name),
                Listed(name, "secrets", status="unavailable", error=name),
            ]
        lanes = [
            Sampled(name, name, n, calls=9, throttled=n % 2)
            for name in HOSTILE
            for n in (1, 2, 3)
        ]
        written.run(*listings, lanes=lanes)
    return page_of(written)


def test_names_change_nothing(hostile: str) -> None:
    """Every element is one of ours, and so is every attribute."""
    page = Page(hostile)
    assert {tag for tag, _ in page.tags} == ELEMENTS
    names = {name for _, attributes in page.tags for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in {"style", "src"}]
    assert page.inside == []


def test_names_are_all_there(hostile: str) -> None:
    """As they are, but for what a screen would obey."""
    text = Page(hostile).text
    for name in ("it's", "<script>alert(1)</script>", "שלום", "{{ 7*7 }}", "👩\\u200d🚀"):
        assert name in text
    assert "\\u202egnp.exe" in text
    assert "\\x1b[2J" in text


def test_nothing_in_the_page_is_obeyed(hostile: str) -> None:
    """No control or format character, wherever it came from, is in the page itself."""
    assert {each for each in hostile if not each.isprintable()} == {"\n"}


def test_only_our_style_and_script_are_let_in(hostile: str) -> None:
    """By their hashes; and there is one of each, and nothing to fetch."""
    page = Page(hostile)
    (policy,) = (each["content"] for each in page.of("meta") if "http-equiv" in each)
    hashes = {
        tag: base64.b64encode(hashlib.sha256(page.parts[tag].encode()).digest()).decode()
        for tag in ("style", "script")
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}';"
        f" script-src 'sha256-{hashes['script']}'; base-uri 'none'; form-action 'none'"
    )
    assert len([*page.of("style")]) == len([*page.of("script")]) == 1
    assert {each["href"] for each in page.of("a")} == {
        "#fleet", "#missing", "#older", "#changes", "#runtimes", "#directories", "#pace",
    }  # fmt: skip
    assert "url(" not in page.parts["style"]
    assert "@import" not in page.parts["style"]


def test_it_can_be_read_aloud(hostile: str) -> None:
    """Headings in order, headers with a scope, drawings with a title, ids only once."""
    page = Page(hostile)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(two - one <= 1 for one, two in pairwise(levels))
    assert all(each.get("scope") in {"row", "col"} for each in page.of("th"))
    ids = [value for _, attributes in page.tags if (value := attributes.get("id"))]
    assert len(ids) == len(set(ids))
    for each in page.of("svg"):
        labels = (each.get("aria-labelledby") or "").split()
        assert each.get("aria-hidden") == "true" or (labels and {*labels} <= {*ids})


def test_a_query_that_can_be_pasted(written: Written) -> None:
    """What was cut off is one command away, also with a quote in a name."""
    pieces = [("object", f"{n}", 0, "e") for n in range(205)]
    written.run(Listed("it's", "jobs", status="partial", missing=pieces))
    text = Page(page_of(written)).text
    assert "5 more are not told here: asyncdbx query" in text
    assert "workspace = '\"'\"'it'\"'\"''\"'\"'s'\"'\"'" in text


def test_what_the_page_says_of_a_run(written: Written) -> None:
    """The verdict, what is missing, and what to do about it."""
    written.run(Listed("prod", "jobs", {"1": {}}), Listed("prod", "users", {"u": {}}))
    written.run(
        Listed("prod", "jobs", {"1": {}, "2": {}}),
        Listed(
            "prod",
            "users",
            status="partial",
            published="merged",
            missing=[("pages", "", 3, "HTTP 500")],
        ),
    )
    (written.folder / "_run").mkdir()
    (written.folder / "_run" / "last.sqlite").touch()
    text = Page(page_of(written)).text
    assert "1 of 2 listings is not complete: prod users is partial." in text
    assert "1 rest of a listing : HTTP 500 behind page 3" in text
    assert (
        "They were merged with the last complete listing, of 24 Nov 2026, 02:10 UTC."
        in text
    )
    assert f"--to {written.folder} --retry-failed" in text
    assert "ended 25 Nov 2026, 02:10 UTC, 23 h before this page was made" in text


def test_a_first_run_says_so(written: Written) -> None:
    """There is nothing to compare it with, nothing is missing, and nothing is older."""
    written.run(Listed("prod", "jobs", {"1": {}}))
    text = Page(page_of(written)).text
    assert "This is the first run of the inventory" in text
    assert "Nothing: every listing of the run is complete." in text
    assert "Nothing: all that is in the tables is of this run." in text
    assert "The inventory has no complete listing of dbfs ." in text
    assert "Nothing is known of the pace of this run." in text
    assert "--retry-failed" not in text


def test_listings_that_are_not_shown_are_counted(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the command that shows them is about the page's runs, not the last two."""
    monkeypatch.setattr(changes, "ROWS", 1)
    first, second, _ = [
        written.run(*(Listed(name, "jobs", {f"{turn}": {}}) for name in ("a", "b", "c")))
        for turn in range(3)
    ]
    text = Page(page_of(written, second)).text
    assert "6 new, gone or changed" in text
    command = f"asyncdbx diff {written.folder} --from {first} --to {second}"
    assert f"and 2 more, which changed less: {command} --counts" in text


def test_a_run_that_has_not_ended(written: Written) -> None:
    """It has published something, and is found by its id; how it ends nobody knows."""
    written.run(Listed("prod", "jobs", {"1": {}}))
    written._publish(Listed("prod", "jobs", {"2": {}}), "20261126T000000Z-x", 0)
    with pytest.raises(UsageError, match=r"^run 20261126\S+ has not ended.*query and diff"):
        page_of(written, "20261126")


def test_the_account_is_one_of_the_fleet(written: Written) -> None:
    """Its resources are others."""
    written.run(
        Listed("account", "workspaces", {"1": {}}), Listed("prod", "jobs", {"1": {}})
    )
    assert "Inventory of 2 workspaces" in Page(page_of(written)).text


def test_two_hundred_workspaces(written: Written) -> None:
    """With hours of samples and much that is missing, it stays below two megabytes."""
    written.run(*_fleet(200))
    lanes = _lanes(200)
    written.run(*_fleet(200, fails=True), lanes=lanes)
    page = page_of(written)
    assert len(page.encode()) < 2_000_000
    assert Page(page).inside == []


def _fleet(workspaces: int, *, fails: bool = False) -> Iterator[Listed]:
    resources = ("clusters", "jobs", "users", "groups", "repos", "warehouses")
    pieces = [
        ("object", f"request_object_id={n:032}", 0, "HTTP 500 " + "x" * 90)
        for n in range(300)
    ]
    for number in range(workspaces):
        name = f"workspace-{number:03}-of-the-company"
        for resource in resources:
            if fails and (number + len(resource)) % 5 == 0:
                yield Listed(name, resource, status="partial", error="e", missing=pieces)
            elif fails and (number + len(resource)) % 7 == 0:
                yield Listed(name, resource, status="unavailable", error="e")
            elif number % 8 == 0:
                yield Listed(name, resource, {"1": {"n": int(fails)}})
            else:
                yield Listed(name, resource, status="denied", error="HTTP 403 " + "x" * 200)


def _lanes(workspaces: int) -> list[Sampled]:
    chance = random.Random(7)  # noqa: S311 - any numbers will do
    return [
        Sampled(
            f"workspace-{number:03}-of-the-company",
            f"lane-{lane}",
            (sample + 1) * 20,
            calls=chance.randrange(600),
            throttled=chance.randrange(3),
            rate=chance.uniform(10, 40),
            seconds=20,
        )
        for number in range(workspaces)
        for lane in range(4)
        for sample in range(430 if number < 10 else 3)
    ]
