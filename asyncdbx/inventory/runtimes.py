"""The runtimes that a record names, and the columns an inventory makes of them.

A cluster has one, a job one for each cluster it makes, a pool those it has at hand, a
policy those it sets, allows or suggests. The columns tell of the one whose support ends
first, or of the oldest of those where it has ended, so that what runs on a runtime out of
support is one query. Nothing here raises, whatever a record holds, and what is not known
is null.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, cast

import orjson

from asyncdbx.inventory.sources import Derived, Record
from asyncdbx.runtime_version import (
    Form,
    RuntimeVersion,
    has_ended,
    parse,
    support_end,
)

__all__ = [
    "COLUMNS",
    "Use",
    "of_cluster",
    "of_job",
    "of_policy",
    "of_pool",
    "runtime_columns",
]

Known: TypeAlias = bool | None  # None is not known

COLUMNS: Mapping[str, str] = {
    "runtime": "str",
    "runtime_version": "str",
    "runtime_form": "str",
    "runtime_ml": "bool",
    "runtime_gpu": "bool",
    "runtime_photon": "bool",
    "runtime_arm": "bool",
    "runtime_scala": "str",
    "runtime_support_ends": "date",
    "runtime_support_ended": "bool",
    "runtimes": "str",
}
TAGGED: tuple[Form, ...] = ("dbr", "light", "alias")  # a tag that is not there is a no


class Use(NamedTuple):
    """A runtime as a record names it.

    Attributes:
        text: The runtime's string.
        photon: Whether Photon was chosen beside it, by ``runtime_engine``.
        ml: Whether the variant for machine learning was, by ``use_ml_runtime``.
    """

    text: str
    photon: Known
    ml: Known


def runtime_columns(uses: Callable[[Record], Iterable[Use]]) -> Derived:
    """Return the columns that are made of the runtimes a record names."""
    return Derived(COLUMNS, lambda record: _values(tuple(uses(record))))


# --- where records name them ------------------------------------------------------------


def of_cluster(record: Record) -> Iterator[Use]:
    """Yield the runtime of a cluster, or of a job's new one."""
    text = record.get("spark_version")
    if isinstance(text, str) and text:
        ml = record.get("use_ml_runtime", False)
        yield Use(
            text,
            photon=_photon(record.get("runtime_engine")),
            ml=ml if isinstance(ml, bool) else None,
        )


def of_job(record: Record) -> Iterator[Use]:
    """Yield the runtimes of the clusters that a job makes; existing ones have their own."""
    settings = _object(record.get("settings"))
    tasks = list(_objects(settings.get("tasks")))
    repeated = (_object(_object(each.get("for_each_task")).get("task")) for each in tasks)
    clusters = _objects(settings.get("job_clusters"))
    for owner in (settings, *clusters, *tasks, *repeated):
        yield from of_cluster(_object(owner.get("new_cluster")))


def of_pool(record: Record) -> Iterator[Use]:
    """Yield the runtimes a pool has at hand; its clusters choose Photon or not."""
    for text in _texts(record.get("preloaded_spark_versions")):
        yield Use(text, photon=None, ml=False)


def of_policy(record: Record) -> Iterator[Use]:
    """Yield the runtimes a policy sets, allows or suggests, also to the clusters of a job.

    A pattern names none, and what a policy forbids does not run by it.
    """
    rules = _definition(record.get("definition"))
    for path, rule in rules.items():
        place, _, field = path.rpartition(".")
        if field == "spark_version":
            beside = f"{place}." if place else ""
            engine = _object(rules.get(f"{beside}runtime_engine"))
            photon = _photon(engine.get("value")) if engine.get("type") == "fixed" else None
            for text in _named(_object(rule)):
                yield Use(text, photon, ml=False)


def _named(rule: Record) -> Iterator[str]:
    if rule.get("type") == "fixed":
        yield from _texts([rule.get("value")])
    if rule.get("type") == "allowlist":
        yield from _texts(rule.get("values"))
    yield from _texts([rule.get("defaultValue")])


def _definition(text: Any) -> Record:
    try:
        return _object(orjson.loads(text))
    except orjson.JSONDecodeError:  # also of what is no text
        return {}


def _photon(engine: Any) -> Known:
    match engine:
        case "PHOTON":
            return True
        case None | "STANDARD" | "NULL":
            return False
        case _:
            return None


def _object(value: Any) -> Record:
    return cast("Record", value) if isinstance(value, dict) else {}


def _objects(value: Any) -> Iterator[Record]:
    return map(_object, _items(value))


def _texts(value: Any) -> Iterator[str]:
    return (each for each in _items(value) if isinstance(each, str) and each)


def _items(value: Any) -> list[Any]:
    # A cast to list[Any] is what pyright would like, and redundant to mypy.
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


# --- what the columns say ---------------------------------------------------------------


@lru_cache(maxsize=4096)  # a fleet has few runtimes, and many clusters
def _values(uses: tuple[Use, ...]) -> tuple[Any, ...]:
    """Return the values of COLUMNS."""
    if not uses:
        return (None,) * len(COLUMNS)
    versions = {parse(use.text) for use in uses}
    first = min(versions, key=lambda each: (_end(each), each))
    alike = [use for use in uses if use.text == str(first)]
    return (
        str(first),
        first.number or None,
        first.form,
        _either(_tagged(first, "ml"), *(use.ml for use in alike)),
        _either(_tagged(first, "gpu"), *(_gpu(use) for use in alike)),
        _either(_tagged(first, "photon"), *(use.photon for use in alike)),
        _tagged(first, "aarch64"),
        first.scala,
        support_end(first),
        has_ended(first) or None,
        orjson.dumps([str(each) for each in sorted(versions)]).decode(),
    )


def _end(version: RuntimeVersion) -> date:
    """Return when support ends, to sort by.

    Of several that have ended, many without a date, none was the first; of what is not
    known, it may be never.
    """
    return date.min if has_ended(version) else support_end(version) or date.max


def _tagged(version: RuntimeVersion, tag: str) -> Known:
    return True if tag in version.tags else _no(known=version.form in TAGGED)


def _gpu(use: Use) -> Known:
    """Return whether what stands beside a runtime makes it one for GPUs.

    With ``use_ml_runtime`` the kind of node decides.
    """
    return _no(known=use.ml is False)


def _no(*, known: bool) -> Known:
    return False if known else None


def _either(*said: Known) -> Known:
    """Return whether one of several is so: not known, if none is and one may be."""
    if True in said:
        return True
    return _no(known=None not in said)
