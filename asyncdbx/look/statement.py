"""Whether an SQL statement only reads, and which tables. Pure.

What a statement is, DuckDB's own parser says, not the words in it: a COPY may stand inside
of a WITH, and then it writes a file and is a SELECT all the same.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from asyncdbx.errors import QueryError

__all__ = ["Reads", "reads"]

# None of these table functions reads a file, and none runs SQL that is a text:
# json_execute_serialized_sql would even write files.
FUNCTIONS = frozenset({
    "generate_series", "histogram", "histogram_values", "json_each", "json_tree", "range",
    "repeat", "repeat_row", "unnest",
})  # fmt: skip
READING = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
OURS = frozenset({"", "main"})  # schemas of our tables; any other is DuckDB's own
REFUSED = (
    "only a statement that reads can be run: SELECT, FROM, WITH, VALUES, DESCRIBE,"
    " SUMMARIZE or SHOW (PIVOT needs its values: IN (...))"
)


class Reads(NamedTuple):
    """What a statement reads.

    Attributes:
        tables: Names, in lower case; those that it defines itself are among them.
        catalog: It asks which tables there are, so that all of them matter.
    """

    tables: frozenset[str]
    catalog: bool


def reads(parsed: Any) -> Reads:
    """Return what a statement reads.

    Args:
        parsed: What ``json_serialize_sql`` makes of it; of SQL that can be parsed.

    Raises:
        QueryError: It is not one statement, or does something else than reading.
    """
    if parsed["error"]:
        raise QueryError(REFUSED)  # it serializes nothing but SELECT
    if len(parsed["statements"]) != 1:
        raise QueryError("give one statement; WITH has room for steps on the way")
    nodes = list(_nodes(parsed["statements"]))
    for node in nodes:
        _check(node)
    return Reads(
        frozenset(node["table_name"].lower() for node in nodes if _is_table(node)),
        any(map(_is_catalog, nodes)),
    )


def _check(node: dict[str, Any]) -> None:
    kind = str(node.get("type"))
    is_query = kind.endswith("_NODE") or "cte_map" in node
    if is_query and kind not in READING:
        raise QueryError(REFUSED)
    if kind == "TABLE_FUNCTION":
        name = str(node["function"]["function_name"])
        if name.lower() not in FUNCTIONS:
            raise QueryError(f"the function {name} is not available here")


def _is_table(node: dict[str, Any]) -> bool:
    return node.get("type") == "BASE_TABLE"


def _is_catalog(node: dict[str, Any]) -> bool:
    foreign = _is_table(node) and node["schema_name"].lower() not in OURS
    return foreign or node.get("show_type") == "SHOW_SPECIAL"


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON value."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            node = cast("dict[str, Any]", found)
            yield node
            waiting += node.values()
        elif isinstance(found, list):
            waiting += found
