"""SCIM 2.0: filters, projections and patches. Pure functions on plain records."""

import re
from typing import Any, cast

from asyncdbx.simulator.call import Json, Refusal

_TEST = re.compile(
    r'\s*([\w.$]+)\s+(eq|ne|co|sw)\s+(?:"((?:[^"\\]|\\.)*)"|(\w+))\s*', re.IGNORECASE
)
_MEMBER = re.compile(r'(\w+)\[value eq "([^"]*)"\]')
_ALWAYS = ("id", "schemas")


def matches(record: Json, expression: str) -> bool:
    """Tell whether a record passes a filter of eq, ne, co, sw joined by and, or.

    Raises:
        Refusal: The filter cannot be read.
    """
    alternatives = re.split(r"\s+or\s+", expression.strip(), flags=re.IGNORECASE)
    return any(
        all(
            _passes(record, test)
            for test in re.split(r"\s+and\s+", alternative, flags=re.IGNORECASE)
        )
        for alternative in alternatives
    )


def _passes(record: Json, text: str) -> bool:
    found = _TEST.fullmatch(text.strip("() "))
    if found is None:
        message = f"Given filter operator is not supported: {text}"
        raise Refusal(400, "INVALID_FILTER", message, scim_type="invalidFilter")
    name, operator, quoted, bare = found.groups()
    wanted = str(bare if quoted is None else quoted).casefold()
    values = [str(value).casefold() for value in _values(record, name.split("."))]
    return {
        "eq": wanted in values,
        "ne": wanted not in values,
        "co": any(wanted in value for value in values),
        "sw": any(value.startswith(wanted) for value in values),
    }[operator.lower()]


def _values(node: Any, names: list[str]) -> list[Any]:
    if isinstance(node, list):
        return [value for item in _items(node) for value in _values(item, names)]
    if not isinstance(node, dict):
        return [] if names else [node]
    record = cast("Json", node)
    if not names:
        return [record.get("value")]
    folded = {key.casefold(): value for key, value in record.items()}
    found = folded.get(names[0].casefold())
    return [] if found is None else _values(found, names[1:])


def _items(node: Any) -> list[Any]:
    return node  # type: ignore[no-any-return] # JSON: an array


def project(record: Json, attributes: str, excluded: str) -> Json:
    """Return a record with only, or without, the comma-separated attributes."""
    if attributes:
        wanted = {*_ALWAYS, *(name.strip().split(".")[0] for name in attributes.split(","))}
        return {key: value for key, value in record.items() if key in wanted}
    unwanted = {name.strip() for name in excluded.split(",")} - {*_ALWAYS}
    return {key: value for key, value in record.items() if key not in unwanted}


def patch(record: Json, operation: Json) -> None:
    """Change a record in place by one operation: add, replace or remove."""
    action, path = str(operation.get("op", "")).lower(), str(operation.get("path", ""))
    member = _MEMBER.fullmatch(path)
    if action == "remove" and member is not None:
        name, value = member.groups()
        record[name] = [item for item in record.get(name, ()) if item["value"] != value]
    elif action == "remove":
        record.pop(path, None)
    elif action in ("add", "replace"):
        changes = {path: operation.get("value")} if path else operation.get("value", {})
        for name, value in changes.items():
            record[name] = _joined(record.get(name), value) if action == "add" else value
    else:
        raise Refusal(
            400, "INVALID_SYNTAX", f"Unknown op {action!r}.", scim_type="invalidSyntax"
        )


def _joined(old: Any, new: Any) -> Any:
    if not isinstance(new, list):
        return new
    there = {item["value"]: item for item in old or ()}
    added = {item["value"]: item for item in cast("list[Json]", new)}
    return [*(there | added).values()]
