"""How a listing ends, and what that makes of the run: decided from counts alone."""

from dataclasses import replace
from typing import Any

import pytest

from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.spool import Failure, Summary
from asyncdbx.inventory.verdict import Ended, Verdict, judge_listing

SECRETS = RESOURCES["secrets"]
NOTHING = {"pending": 0, "done": 0, "gone": 0, "partial": 0, "denied": 0, "unavailable": 0}


def summary(*failures: Failure, **units: int) -> Summary:
    """Return a listing with so many units in each state."""
    counts = {**NOTHING, **units}
    return Summary("prod", "secrets", counts, 0, 0, 0, None, None, None, failures)


def ended(resource: str = "clusters", status: Any = "complete", records: int = 0) -> Ended:
    return Ended("prod", resource, status, records, 1, 0, "a", None, None, None, 0, 0, "")


@pytest.mark.parametrize(
    ("units", "parents", "status"),
    [
        ({"done": 3}, [], "complete"),
        ({}, ["complete"], "complete"),
        ({"done": 3, "partial": 1}, [], "partial"),
        ({"partial": 1}, [], "partial"),
        ({"denied": 2}, [], "denied"),
        ({"done": 1, "denied": 2}, [], "partial"),
        ({"denied": 1, "partial": 1}, [], "partial"),
        ({"unavailable": 1}, [], "unavailable"),
        ({"done": 1, "unavailable": 1}, [], "complete"),
        ({"unavailable": 1, "denied": 1}, [], "denied"),
        ({"unavailable": 1, "partial": 1}, [], "partial"),
        ({"done": 3}, ["partial"], "partial"),
        ({"done": 3}, ["denied"], "partial"),
        ({}, ["denied"], "partial"),
        ({}, ["unavailable"], "unavailable"),
        ({"done": 3}, ["unavailable"], "complete"),
        ({}, ["unavailable", "complete"], "complete"),
        ({}, ["unavailable", "partial"], "partial"),
        ({"denied": 1}, ["unavailable"], "denied"),
    ],
)
def test_a_listing_is_as_good_as_its_units_and_parents(
    units: dict[str, int], parents: list[Any], status: str
) -> None:
    """Complete only if nothing that could be asked for is missing."""
    followed = [ended(f"parent{n}", each) for n, each in enumerate(parents)]
    assert judge_listing(SECRETS, summary(**units), followed)[0] == status


def test_the_error_says_what_is_missing() -> None:
    """Which call and why, how many more, and which parent it follows from."""
    failures = [
        Failure("0:list", f'{{"scope":"{n}"}}', "denied", 0, f"no {n}") for n in "abcd"
    ]
    _, error = judge_listing(
        SECRETS, summary(*failures, denied=7), [ended("secret_scopes", "partial")]
    )
    assert error == (
        "scope=a: no a; scope=b: no b; scope=c: no c; and 4 more;"
        " secret_scopes is partial, and this follows from it"
    )
    alone = Failure("0:list", "{}", "denied", 0, "clusters.list on prod: no")
    assert (
        judge_listing(SECRETS, summary(alone, denied=1), [])[1]
        == "clusters.list on prod: no"
    )
    _, error = judge_listing(SECRETS, summary(), [ended("catalogs", "unavailable")])
    assert error == "catalogs is unavailable, and this follows from it"
    assert (
        judge_listing(SECRETS, summary(done=1), [ended("catalogs", "unavailable")])[1] == ""
    )


@pytest.mark.parametrize(
    ("listings", "code"),
    [
        ([ended(), ended(records=4)], 0),
        ([ended(), ended(status="denied")], 3),
        ([ended(status="partial", records=7)], 3),
        ([ended(status="partial"), ended(status="denied")], 1),
        ([ended(status="unavailable")], 1),
        ([], 0),
    ],
)
def test_the_exit_code_is_the_contracts(listings: list[Ended], code: int) -> None:
    """All of it, something is missing, nothing succeeded."""
    verdict = Verdict("run", listings)
    assert verdict.exit_code == code
    assert verdict.missing == [each for each in listings if each.status != "complete"]


def test_records_of_a_partial_listing_are_something() -> None:
    """One directory of a thousand that is denied is no failure of the whole run."""
    partial = replace(ended("dbfs", "partial"), records=999)
    assert Verdict("run", [partial, ended(status="denied")]).exit_code == 3
