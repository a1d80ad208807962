"""The dates of ``support.toml``: whole, in order, and nothing said that is not there."""

import tomllib
from datetime import date
from itertools import pairwise

import pytest

from asyncdbx.runtime_version import (
    has_ended,
    is_supported,
    parse,
    release,
    releases,
    support_end,
)
from asyncdbx.runtime_version.support import FILE


def test_the_file_says_of_when_it_is_and_where_it_is_from() -> None:
    """Each page has an address and a day, each is used, and none is newer than the file."""
    file = tomllib.loads(FILE.read_text("utf-8"))
    used = {row["source"] for row in file["release"].values()}

    assert used == set(file["source"])
    assert max(each["as_of"] for each in file["source"].values()) == file["as_of"]
    for page in file["source"].values():
        assert page["url"].startswith("https://")
        assert isinstance(page["as_of"], date)


def test_every_row_is_whole_and_possible() -> None:
    """Support ends after it began; a page tells of what had come out by its day."""
    known = {"spark", "released", "ends", "lts", "source"}
    for row in tomllib.loads(FILE.read_text("utf-8"))["release"].values():
        assert row.keys() <= known  # a misspelled "ends" would be a date nobody sees
    for each in releases().values():
        assert parse(f"{each.number}.x-scala2.12").number == each.number
        assert each.spark.replace(".", "").isdecimal()
        assert each.released <= each.as_of
        assert each.ends is None or each.released < each.ends


def test_rows_are_in_order() -> None:
    """By number, which is also by day: a row that was copied and not changed would show."""
    numbers = [parse(f"{number}.x-scala2.12") for number in releases()]
    assert all(older < newer for older, newer in pairwise(numbers))
    days = [each.released for each in releases().values()]
    assert all(earlier < later for earlier, later in pairwise(days))


def test_long_term_support_is_longer() -> None:
    """Two or three years, nearly to the day; of all others at most ten months.

    6.4 had more.
    """
    for each in releases().values():
        if each.ends is None:
            continue
        days = (each.ends - each.released).days
        if each.lts:
            assert days in {730, 731, 742, 1095, 1096}, each
        elif each.number == "6.4":
            assert days == 400
        else:
            assert days <= 300, each


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("17.3.x-scala2.13", date(2028, 10, 22)),
        ("16.4.x-gpu-ml-scala2.12", date(2028, 5, 9)),
        ("18.x-scala2.13", date(2029, 6, 10)),
        ("12.2.1-scala2.12", date(2026, 3, 1)),
        ("10.4.x-aarch64-photon-scala2.12", date(2025, 3, 18)),
        ("6.4.x-scala2.11", date(2021, 4, 1)),
        ("19.x-scala2.13", None),  # determined when it becomes LTS
        ("18.2.x-scala2.13", None),  # the dates of 18 are not its own
        ("15.3.x-scala2.12", None),  # no page found
        ("7.3.x-scala2.12", None),  # what was published was changed later
        ("6.4.x-esr-scala2.11", None),  # had dates of its own
        ("17.3.x-rc-scala2.13", None),  # not what was released
        ("18.x-snapshot-scala2.13", None),
        ("99.9.x-scala2.13", None),
        ("apache-spark-5.5.x-scala2.11", None),
        ("dlt:12.2-delta-pipelines-dlt-release", None),
        ("client.5.5", None),
        ("latest-stable-scala2.11", None),
        ("auto:latest-lts", None),
        ("custom:release__12.2.x-scala2.12", None),
        ("no version", None),
    ],
)
def test_when_support_ends(text: str, ends: date | None) -> None:
    """Where it was published of just this; otherwise nobody knows."""
    assert support_end(parse(text)) == ends


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("13.3.x-scala2.12", True),
        ("12.2.1-scala2.12", True),
        (
            "16.3.x-photon-scala2.12",
            True,
        ),  # no date of it is known, but all that are supported
        ("17.2.x-scala2.13", True),
        ("7.3.x-gpu-ml-scala2.12", True),
        ("6.4.x-esr-scala2.11", True),
        ("6.x-snapshot-scala2.11", True),
        ("13.x-rc-scala-2.12", True),
        ("13.2.x-snapshot-scala2.12", True),
        ("14.x-snapshot-cpu-ml-scala2.12", False),  # it may be one of 14.3
        ("14.3.x-snapshot-scala2.12", False),
        ("14.3.x-scala2.12", False),
        ("17.3.x-scala2.13", False),
        ("18.0.x-scala2.13", False),
        ("18.2.x-scala2.13", False),
        ("18.x-scala2.13", False),
        ("19.x-scala2.13", False),
        ("apache-spark-2.4.x-scala2.11", False),
        ("client.1.10-scala2.12", False),
        ("dlt:12.2-delta", False),
        ("latest-stable-scala2.10", False),
        ("", False),
    ],
)
def test_what_had_ended(text: str, ended: bool) -> None:  # noqa: FBT001 - of the table
    """Whatever is older than the newest, and is not among those that are supported."""
    assert has_ended(parse(text)) is ended


def test_what_had_ended_and_the_dates_agree() -> None:
    """By the day of the newest page, which has only what had not."""
    newest = max(each.as_of for each in releases().values())
    for each in releases().values():
        ended = has_ended(parse(f"{each.number}.x-scala2.13"))
        assert ended is (each.as_of != newest)
        assert each.ends is None or ended is (each.ends < newest)


def test_support_lasts_through_its_last_day() -> None:
    """And what is known to have ended has none, whenever that was."""
    version = parse("16.4.x-scala2.12")
    assert is_supported(version, date(2028, 5, 9)) is True
    assert is_supported(version, date(2028, 5, 10)) is False
    assert is_supported(parse("7.3.x-scala2.12"), date(2026, 11, 26)) is False
    assert is_supported(parse("18.2.x-scala2.13"), date(2026, 11, 26)) is None
    assert is_supported(parse("auto:latest-lts"), date(2026, 11, 26)) is None


def test_a_release_tells_its_spark_and_its_page() -> None:
    """So that a date can be looked up again."""
    found = release(parse("17.3.x-cpu-ml-scala2.13"))
    assert found is not None
    assert (found.spark, found.lts) == ("4.0.0", True)
    assert found.source == "https://docs.databricks.com/aws/en/release-notes/runtime/"
    assert release(parse("17.3.x-snapshot-scala2.13")) is None
