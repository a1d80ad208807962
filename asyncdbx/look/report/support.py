"""What runs on a runtime that is no longer supported, or soon will not be."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

from asyncdbx.look.duck import Duck
from asyncdbx.runtime_version import is_supported, parse, releases, support_end

__all__ = ["TABLES", "Support", "UsedRuntime", "User", "support_of"]

TABLES = ("clusters", "jobs", "instance_pools", "cluster_policies")
COLUMN = "runtime"
SOON = timedelta(days=90)
NAMED = 50  # users of one runtime

USES = """
SELECT
    {resource} AS resource,
    workspace,
    coalesce(name, id) AS name,
    runtime
FROM {table} WHERE runtime IS NOT NULL"""
COUNTS = """
SELECT runtime, resource, count(*) FROM ({uses}) GROUP BY ALL ORDER BY ALL"""
NAMES = """
SELECT runtime, resource, workspace, name FROM (
    SELECT *, row_number() OVER (
        PARTITION BY runtime ORDER BY resource, workspace, name
    ) AS place
    FROM ({uses}) WHERE runtime IN (SELECT unnest($1::VARCHAR[]))
)
WHERE place <= $2
ORDER BY runtime, place"""


class User(NamedTuple):
    """Who uses a runtime: the resource, its workspace and its name or id."""

    resource: str
    workspace: str
    name: str

    def __str__(self) -> str:
        """Return workspace and name."""
        return f"{self.workspace} {self.name}"


@dataclass(frozen=True, slots=True)
class UsedRuntime:
    """A runtime whose support has ended, or ends soon.

    Attributes:
        name: As it was spelled.
        ends: The last day of its support; None where it has ended at an unknown one.
        ended: It has, as of the day of the page.
        overdue: Days since its end; negative until then; None if unknown.
        counts: How many use it, by resource.
        users: The first of them.
    """

    name: str
    ends: date | None
    ended: bool
    overdue: int | None
    counts: Mapping[str, int]
    users: Sequence[User]

    @property
    def count(self) -> int:
        """How many use it."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Support:
    """What runs without support, as of a day.

    Attributes:
        runtimes: Those whose support has ended, the longest ago first; then those whose
            support ends soon.
        total: How many name a runtime, of any age.
        unknown: Of how many of these nobody knows when support ends.
        as_of: The day of the newest page that the dates were taken from.
    """

    runtimes: Sequence[UsedRuntime]
    total: int
    unknown: int
    as_of: date

    @property
    def without(self) -> int:
        """How many run without support."""
        return sum(each.count for each in self.runtimes if each.ended)

    @property
    def soon(self) -> int:
        """How many will within 90 days."""
        return sum(each.count for each in self.runtimes if not each.ended)


def support_of(duck: Duck, tables: Iterable[str], today: date) -> Support:
    """Return what runs without support, out of the views of these tables.

    Args:
        duck: With the views.
        tables: Of :data:`TABLES`, those that there are and that know of runtimes.
        today: The day of the page.
    """
    as_of = max(each.as_of for each in releases().values())
    uses = " UNION ALL ".join(
        USES.format(resource=f"'{name}'", table=name) for name in tables
    )
    if not uses:
        return Support((), 0, 0, as_of)
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for name, resource, count in duck.run(COUNTS.format(uses=uses)).rows():
        counts[name][resource] = count
    known = [_known(name, by_resource, today) for name, by_resource in counts.items()]
    late = [each for each in known if each.ended or _ends_soon(each)]
    users = _users(duck, uses, [each.name for each in late])
    found = [replace(each, users=users[each.name]) for each in late]
    return Support(
        sorted(found, key=_urgency),
        sum(each.count for each in known),
        sum(each.count for each in known if each.ends is None and not each.ended),
        as_of,
    )


def _known(name: str, counts: Mapping[str, int], today: date) -> UsedRuntime:
    """Return what is known of a runtime today, whatever was when its users were listed."""
    version = parse(name)
    ends = support_end(version)
    return UsedRuntime(
        name,
        ends,
        ended=is_supported(version, today) is False,
        overdue=None if ends is None else (today - ends).days,
        counts=counts,
        users=(),
    )


def _ends_soon(runtime: UsedRuntime) -> bool:
    return runtime.overdue is not None and -runtime.overdue < SOON.days


def _users(duck: Duck, uses: str, runtimes: list[str]) -> Mapping[str, list[User]]:
    users: dict[str, list[User]] = defaultdict(list)
    for runtime, *user in duck.run(NAMES.format(uses=uses), [runtimes, NAMED]).rows():
        users[runtime].append(User(*user))
    return users


def _urgency(runtime: UsedRuntime) -> tuple[bool, float, str]:
    """Return what to sort by: of what ended on an unknown day, it was longest ago."""
    unknown = float("inf")
    days = unknown if runtime.overdue is None else runtime.overdue
    return not runtime.ended, -days, runtime.name
