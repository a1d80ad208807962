"""What has been added, removed and changed in an inventory between two of its runs."""

from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asyncdbx.errors import StoreError, UsageError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.partitions import PARTITION
from asyncdbx.inventory.resources import RESOURCES, choose
from asyncdbx.inventory.rows import LEADING, TRAILING
from asyncdbx.json_stream import JsonStreamError, parse_document
from asyncdbx.look.changing import Changing
from asyncdbx.look.differ import Difference, Record, differences
from asyncdbx.look.duck import Duck, opened
from asyncdbx.look.fields import FieldChange, Ignored, what_differs
from asyncdbx.look.history import History, Listings
from asyncdbx.look.moment import Run
from asyncdbx.look.plan import Note, Pair, Plan, make_plan
from asyncdbx.look.tables import Table, count, has_table, table_names

__all__ = ["Change", "Comparison", "Count", "compare", "compare_runs"]

Kind = Literal["added", "removed", "changed"]
KINDS: tuple[Kind, ...] = ("added", "removed", "changed")

# Enough for a million records on both sides without a file on disk, nearly.
MEMORY = "256MB"
THREADS = 4  # each takes memory of its own, and the disk keeps no more busy


@dataclass(frozen=True, slots=True)
class Change:
    """A record that is another one than it was.

    Attributes:
        workspace: Where it is.
        resource: What it is.
        id: What tells it from the others.
        name: What people call it; of a changed one, as it is now.
        change: What has happened to it.
        fields: Which fields differ, if it has changed.
    """

    workspace: str
    resource: str
    id: str
    name: str | None
    change: Kind
    fields: Sequence[FieldChange] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """How many records of a workspace's listing were compared, and with what result."""

    workspace: str
    resource: str
    added: int
    removed: int
    changed: int
    unchanged: int


class Comparison:
    """Two runs of an inventory, compared as the changes are read.

    Attributes:
        since: The older run.
        until: The newer run.
        notes: What it cannot tell, or tells of other runs than these two.
    """

    def __init__(
        self, duck: Duck, runs: tuple[Run, Run], plans: Sequence[Plan], changing: Changing
    ) -> None:
        """Use :func:`compare`."""
        self.since, self.until = runs
        self.notes: Sequence[Note] = [note for plan in plans for note in plan.notes]
        self._duck = duck
        self._plans = plans
        self._changing = changing
        self._found: Counter[tuple[str, str, Kind]] = Counter()
        self._counted = False  # all changes have been read
        self._counts: list[Count] = []

    def changes(self) -> Iterator[Change]:
        """Yield what has changed: by resource, workspace and id.

        Raises:
            StoreError: A file or a record cannot be read.
            AsyncdbxError: It needs more memory than it may have.
        """
        self._found.clear()
        self._counted = False
        for plan in self._plans:
            ignored = self._changing.of(plan.resource)
            pairs = [pair for pair in plan.pairs if not pair.is_same]
            for each in differences(self._duck, pairs) if pairs else ():
                change = _judged(each, plan.resource, ignored)
                if change is not None:
                    self._found[each.workspace, plan.resource, change.change] += 1
                    yield change
        self._counts = [
            self._count(plan.resource, pair) for plan in self._plans for pair in plan.pairs
        ]
        self._counted = True

    def counts(self) -> list[Count]:
        """Return how many records changed, of each listing; reads all that are unread.

        Raises: as :meth:`changes`.
        """
        if not self._counted:
            deque(self.changes(), maxlen=0)
        return self._counts

    def _count(self, resource: str, pair: Pair) -> Count:
        added, removed, changed = (
            self._found[pair.workspace, resource, kind] for kind in KINDS
        )
        unchanged = count(self._duck, pair.new) - added - changed
        return Count(pair.workspace, resource, added, removed, changed, unchanged)


@contextmanager
def compare(
    folder: Path,
    since: str | None = None,
    until: str = "last",
    resources: Iterable[str] = (),
    *,
    changing: Changing | None = None,
) -> Generator[Comparison]:
    """Compare two runs of an inventory.

    Args:
        folder: The inventory's.
        since: The older run, as :func:`asyncdbx.look.moment.choose` takes it; the one
            before ``until`` if not given.
        until: The newer run.
        resources: Names; all that have a table if there is none.
        changing: Fields to leave out; none if not given.

    Raises:
        UsageError: There are no such runs or resources.
        StoreError: The folder is no inventory, or what a run left is not there any more.
    """
    named = tuple(resources)
    chosen = [each.name for each in choose(named)]
    place = Folder.open(folder, create=False)
    with opened(MEMORY, THREADS) as duck:
        history = History(place, duck)
        runs = _runs(history, since, until)
        names = chosen if named else None
        yield compare_runs(history, runs, names, changing or Changing())


def compare_runs(
    history: History,
    runs: tuple[Run, Run],
    resources: Iterable[str] | None,
    changing: Changing,
) -> Comparison:
    """Compare two runs of an inventory that is open.

    Args:
        history: Of its runs.
        runs: The older and the newer.
        resources: Names; None for all that have a table.
        changing: Fields to leave out.

    Raises: as :func:`compare`.
    """
    names = _of(history.folder) if resources is None else resources
    return Comparison(history.duck, runs, _plans(history, runs, names), changing)


def _of(folder: Folder) -> Iterator[str]:
    """Yield the names of resources that have a table, in the order of the contract."""
    known = set(table_names(folder))
    yield from (name for name in RESOURCES if name in known)


def _runs(history: History, since: str | None, until: str) -> tuple[Run, Run]:
    newer = history.find(until)
    older = history.find(since) if since is not None else history.before(newer)
    if older is None:
        raise UsageError(f"{newer.id} is the first run; two are needed to compare")
    if not history.is_before(older, newer):
        raise UsageError(f"run {older.id} is not before run {newer.id}")
    return older, newer


def _plans(history: History, runs: tuple[Run, Run], resources: Iterable[str]) -> list[Plan]:
    since, until = (history.listings(run) for run in runs)
    return [_plan(history, name, since, until) for name in resources]


def _plan(history: History, resource: str, since: Listings, until: Listings) -> Plan:
    if not has_table(history.folder, resource):
        raise UsageError(f"this inventory has not taken {resource}")
    old, new = (history.table(resource, each.run) for each in (since, until))
    for table in (old, new):
        _check_made_by_us(table, history.folder)
    plan = make_plan(resource, old, new, since, until)
    for pair in plan.pairs:
        if not pair.is_same:
            history.check(resource, since.run, [file.path for file in pair.old])
            history.check(resource, until.run, [file.path for file in pair.new])
    return plan


def _check_made_by_us(table: Table | None, folder: Folder) -> None:
    if table is None:
        return
    columns = {*LEADING, *TRAILING} <= table.columns.keys()
    if not columns or table.partitioned_by != [PARTITION]:
        raise StoreError(f"table {table.name} in {folder.path} was not made by asyncdbx")


def _judged(difference: Difference, resource: str, ignored: Ignored) -> Change | None:
    """Return what has happened to a record; None if nothing that matters."""
    old, new = difference.old, difference.new
    about = (difference.workspace, resource, difference.id)
    if old is None:
        return Change(*about, new and new.name, "added")
    if new is None:
        return Change(*about, old.name, "removed")
    fields = what_differs(_parsed(old, about), _parsed(new, about), ignored)
    return Change(*about, new.name, "changed", fields) if fields else None


def _parsed(record: Record, about: tuple[str, str, str]) -> object:
    try:
        return parse_document(record.body.encode())
    except JsonStreamError as error:
        workspace, resource, record_id = about
        message = f"{resource} {record_id} of {workspace} is damaged: {error}"
        raise StoreError(message) from error
