"""The scalar fields of the SDK's dataclasses, read from their ``from_dict``."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SCALARS = {"str": "str", "int": "int", "bool": "bool", "float": "float"}
# the SDK marks 64-bit fields by the helper that decodes them
HELPERS = {
    "_int64": "int64",
    "_repeated_int64": "int64[]",
    "_enum": "str",
    "_timestamp": "str",
    "_duration": "str",
    "_fieldmask": "str",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a dataclass.

    Attributes:
        attribute: Name in Python.
        wire: Name in JSON.
        kind: ``"str"``, ``"int"``, ``"int64"``, ``"float"``, ``"bool"``, ``"int64[]"``,
            ``"array"``, ``"object"`` or ``"any"``.
        element: Class of the object or of the array's elements; "" if it has none.
    """

    attribute: str
    wire: str
    kind: str
    element: str = ""


def fields_of(record: ast.ClassDef) -> list[Field]:
    """Return the fields that ``record.from_dict`` reads, in the order of the source."""
    annotations = {
        node.target.id: ast.unparse(node.annotation)
        for node in record.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    decode = next(
        (
            node
            for node in record.body
            if isinstance(node, ast.FunctionDef) and node.name == "from_dict"
        ),
        None,
    )
    if decode is None:
        return []
    return [
        _field(keyword.arg, keyword.value, annotations)
        for node in ast.walk(decode)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "cls"
        for keyword in node.keywords
        if keyword.arg and isinstance(keyword.value, ast.Call)
    ]


def _field(attribute: str, call: ast.Call, annotations: Mapping[str, str]) -> Field:
    helper = ast.unparse(call.func)
    if helper == "d.get":
        wire = ast.literal_eval(call.args[0])
        return Field(attribute, wire, _plain(annotations.get(attribute, "")))
    wire = ast.literal_eval(call.args[1])
    if helper in HELPERS:
        return Field(attribute, wire, HELPERS[helper])
    kind: Literal["array", "object"] = "array" if "_repeated" in helper else "object"
    element = ast.unparse(call.args[2]) if len(call.args) > 2 else ""
    return Field(attribute, wire, kind, element)


def _plain(annotation: str) -> str:
    """Return the kind of a field that JSON already holds as Python wants it."""
    kind = annotation.removeprefix("Optional[").removesuffix("]")
    if kind.startswith(("List[", "list[")):
        return "array"
    return SCALARS.get(kind, "any")
