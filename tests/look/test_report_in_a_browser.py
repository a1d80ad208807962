"""The page in Chromium: wide and narrow, dark, on paper, and without a network."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from written_runs import Listed, Sampled, Written, dbfs_files

from asyncdbx.look.report import gather, render

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium on this machine"
)

DEEP = "/FileStore" + "".join(f"/a_rather_long_name_{n}" for n in range(25))


@dataclass
class Seen:
    """A page that is open, and what went wrong in it."""

    page: Page
    problems: list[str] = field(default_factory=list[str])

    def rows(self, table: str) -> Sequence[str]:
        """Return the first cells of the rows that are seen in a table."""
        cells = self.page.locator(
            f"table[aria-label='{table}'] tbody tr:visible > :first-child"
        )
        return cells.all_inner_texts()

    def head(self, table: str, name: str) -> Any:
        """Return a heading that can be clicked."""
        button = self.page.locator(f"table[aria-label='{table}'] thead").get_by_role(
            "button", name=name
        )
        assert button.count() == 1
        return button

    def is_too_wide(self) -> bool:
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with something in every part."""
    folder = tmp_path_factory.mktemp("seen")
    written = Written(folder / "inventory")
    names = ["prod", *(f"team-{n:02}" for n in range(30)), "<script>alert('x')</script>"]
    jobs = {str(n): {"name": f"job {n}"} for n in range(5)}
    written.run(*(Listed(name, "jobs", jobs) for name in names))
    pieces = [
        ("object", f"request_object_id={n:020}", 0, "HTTP 500 " + "x" * 80)
        for n in range(70)
    ]
    clusters = {
        str(n): {"spark_version": f"{n}.4.x-scala2.12", "cluster_name": f"cluster {n}"}
        for n in range(7, 17)
    }
    lanes = [
        Sampled(name, lane, second, calls=30 - n, throttled=second % 7 == 0, rate=31.0)
        for n, name in enumerate(names[:20])
        for lane in ("dbfs", "permissions-read")
        for second in (*range(1, 60), *range(2000, 2020))
    ]
    written.run(
        *(
            Listed(name, "jobs", {**jobs, str(n + 9): {}}, calls=n)
            for n, name in enumerate(names)
        ),
        Listed("prod", "clusters", clusters),
        Listed("prod", "dbfs", dbfs_files({f"{DEEP}/{n}/file": n for n in range(12)})),
        Listed("prod", "permissions", status="partial", error="e", missing=pieces),
        Listed("prod", "secrets", status="partial", error="e", missing=pieces[:1]),
        Listed("prod", "tokens", status="denied", error="HTTP 403"),
        lanes=lanes,
    )
    file = folder / "page.html"
    file.write_text(render(gather(written.folder, "last", datetime.now(UTC))))
    return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def seen(browser: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Seen]:
    """The page in a window; a test may say how wide it is, and more.

    Whatever it asks for but itself, and whatever it complains of, makes the test fail.
    """
    wanted = {"viewport": {"width": 1280, "height": 900}, **getattr(request, "param", {})}
    context = browser.new_context(offline=True, **wanted)
    seen = Seen(context.new_page())
    seen.page.on("console", lambda message: seen.problems.append(message.text))
    seen.page.on("pageerror", lambda error: seen.problems.append(str(error)))
    seen.page.on("dialog", lambda dialog: seen.problems.append(dialog.message))
    seen.page.on("request", lambda asked: seen.problems.append(asked.url))
    seen.page.goto(file.as_uri())
    assert seen.problems == [file.as_uri()]
    yield seen
    assert seen.problems == [file.as_uri()]
    context.close()


def window(width: int, **more: Any) -> pytest.MarkDecorator:
    """Run a test in a window of this width."""
    options = {"viewport": {"width": width, "height": 844}, **more}
    return pytest.mark.parametrize("seen", [options], indirect=True)


def test_a_table_is_sorted_by_a_click(seen: Seen) -> None:
    """Numbers as numbers, the largest first; the other way round with the next click."""
    head = seen.head("workspaces", "Calls")
    cell = head.locator("xpath=..")
    assert cell.get_attribute("aria-sort") is None
    head.click()
    assert cell.get_attribute("aria-sort") == "descending"
    assert seen.rows("workspaces")[:2] == ["<script>alert('x')</script>", "team-29"]
    head.click()
    assert cell.get_attribute("aria-sort") == "ascending"
    assert seen.rows("workspaces")[:3] == ["team-00", "team-01", "team-02"]
    seen.head("workspaces", "Workspace").click()
    assert cell.get_attribute("aria-sort") is None
    assert seen.rows("workspaces")[1] == "prod"


def test_a_table_is_sorted_by_the_keyboard(seen: Seen) -> None:
    """A heading is a button, and it can be seen which one has the focus."""
    head = seen.head("workspaces", "Workspace")
    head.focus()
    seen.page.keyboard.press("Enter")
    assert seen.rows("workspaces")[-1] == "team-22"
    outline = head.evaluate("each => getComputedStyle(each).outlineStyle")
    assert outline == "solid"


def test_a_table_is_filtered_and_shown_whole(seen: Seen) -> None:
    """How many are left is said; what is below the first rows is found, too."""
    assert len(seen.rows("workspaces")) == 25
    seen.page.get_by_label("Filter workspaces").fill("Team-29")
    assert seen.rows("workspaces") == ["team-29"]
    assert seen.page.get_by_role("status").first.inner_text() == "1 of 32"
    seen.page.get_by_label("Filter workspaces").fill("")
    seen.page.get_by_role("button", name="Show all 32").click()
    assert len(seen.rows("workspaces")) == 32


def test_what_is_missing_is_folded(seen: Seen) -> None:
    """One click opens it."""
    piece = seen.page.get_by_text("request_object_id=00000000000000000069")
    assert not piece.is_visible()
    seen.page.locator("summary", has_text="prod permissions").click()
    assert piece.is_visible()


def test_a_chart_is_read_by_pointing_at_it(seen: Seen) -> None:
    """What was sent and allowed just then takes the place of the sum."""
    figure = seen.page.locator("figure").first
    output, total = figure.locator("output"), figure.locator("figcaption p")
    assert output.inner_text() == ""
    figure.locator("svg").hover(position={"x": 80, "y": 50})
    assert output.inner_text().endswith("30/s sent, 31/s allowed, no 429")
    assert not total.is_visible()
    assert figure.locator(".cursor").get_attribute("visibility") == "visible"
    seen.page.mouse.move(5, 5)
    assert output.inner_text() == ""
    assert total.is_visible()


def test_a_chart_is_read_with_the_arrow_keys(seen: Seen) -> None:
    """From one interval to the next; the last one is in the second part of the run."""
    figure = seen.page.locator("figure").first
    figure.locator("svg").focus()
    seen.page.keyboard.press("ArrowRight")
    assert (
        figure.locator("output")
        .inner_text()
        .startswith("02:00:00\u201302:00:01: 30/s sent")
    )
    for _ in range(6):
        seen.page.keyboard.press("ArrowRight")
    assert figure.locator("output").inner_text().endswith("1 429")
    seen.page.keyboard.press("End")
    assert figure.locator("output").inner_text().startswith("02:33:38\u201302:33:39")


@window(390)
def test_a_table_on_a_phone_is_cut_short_too(seen: Seen) -> None:
    """Where each row is laid out anew, and what it was sorted by is below the heading."""
    assert len(seen.rows("directories")) == 10
    seen.head("directories", "Directory").click()
    path = seen.page.locator("table[aria-label='directories'] tbody td").first
    assert path.inner_text() == f"{DEEP}/0"
    seen.page.get_by_role("button", name="Show all 12").click()
    assert len(seen.rows("directories")) == 12


@window(390, has_touch=True, is_mobile=True)
def test_a_chart_is_read_by_tapping_on_it(seen: Seen) -> None:
    """What was tapped on stays."""
    figure = seen.page.locator("figure").first
    figure.locator("svg").tap(position={"x": 60, "y": 50})
    assert "/s sent" in figure.locator("output").inner_text()


@pytest.mark.parametrize(
    "seen",
    [{"viewport": {"width": w, "height": 800}} for w in (360, 390, 768, 1280)],
    indirect=True,
)
def test_nothing_is_wider_than_the_window(seen: Seen) -> None:
    """Neither folded nor open; a wide table scrolls in a box of its own."""
    assert not seen.is_too_wide()
    seen.page.evaluate(
        "document.querySelectorAll('details').forEach(each => each.open = true)"
    )
    assert not seen.is_too_wide()


def test_how_long_ago_is_told_by_the_clock(seen: Seen) -> None:
    """A page may be read long after it was made."""
    assert seen.page.locator("time").inner_text().endswith(" ago")


@window(1280, java_script_enabled=False)
def test_without_javascript_all_is_there(seen: Seen) -> None:
    """Whole tables, and charts; there is nothing to click on that does nothing."""
    assert len(seen.rows("workspaces")) == 32
    assert seen.page.locator("button").count() == 0
    assert seen.page.locator("figure path.sent").first.is_visible()


@window(1280, color_scheme="dark")
def test_at_night(seen: Seen) -> None:
    """Light letters on dark ground, far enough apart, and on paper not."""
    assert contrast(seen, "body") > 12
    assert contrast(seen, ".quiet") > 4.5
    seen.page.emulate_media(media="print")
    background = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"


def test_by_day(seen: Seen) -> None:
    """Quiet words and colours, too, are far enough from white."""
    assert contrast(seen, "body") > 12
    for each in (".quiet", ".badge.partial", ".badge.denied", "nav a"):
        assert contrast(seen, each) > 4.5


def test_on_paper(seen: Seen) -> None:
    """What is folded is open unless it is long, and what can only be clicked is gone."""
    short = seen.page.locator("details", has_text="prod secrets").first
    long = seen.page.locator("details", has_text="prod permissions").first
    seen.page.emulate_media(media="print")
    expect(short).to_have_attribute("open", "")
    assert long.get_attribute("open") is None
    assert not seen.page.get_by_role("searchbox").first.is_visible()
    assert seen.page.pdf(format="A4").startswith(b"%PDF")
    seen.page.emulate_media(media="screen")
    expect(short).not_to_have_attribute("open", "")


def test_what_it_looks_like(seen: Seen, tmp_path: Path) -> None:
    """For whoever wants to look: in the folder that --basetemp names."""
    for width in (1280, 390):
        seen.page.set_viewport_size({"width": width, "height": 900})
        picture = tmp_path / f"{width}.png"
        seen.page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 50_000


def contrast(seen: Seen, selector: str) -> float:
    """Return the contrast of an element's letters to the page, as WCAG 2 defines it."""
    pair: list[str] = seen.page.evaluate(
        "which => [getComputedStyle(document.querySelector(which)).color,"
        " getComputedStyle(document.body).backgroundColor]",
        selector,
    )
    light, dark = sorted(map(luminance, pair), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """Return the relative luminance of ``rgb(1, 2, 3)``."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (int(each) / 255 for each in color[4:-1].split(","))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
