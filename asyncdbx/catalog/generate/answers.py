"""What one generated method makes of its answer: items, their class, and the paging.

The forms (databricks-sdk 0.150 to 0.162): a ``while True`` loop that yields items; an
unpaged list through ``parsed = Answer.from_dict(json).attribute``; a bare array through
``[Item.from_dict(v) for v in res]``; one object through ``Answer.from_dict(res)``, which
may hold a ``next_page_token`` for the caller to follow.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asyncdbx.catalog.generate.records import Field
from asyncdbx.catalog.generate.requests import Sent

SIZES = ("page_size", "max_results", "limit", "count")
ANSWERS = {"res", "json", "op_response", "v"}

FieldsOf = Callable[[str], list[Field]]


@dataclass(frozen=True)
class Taken:
    """What a method takes from its answer.

    Attributes:
        record: Class of one item, or of the whole answer if it is no list; "" if none.
        items: Key of the item array; "" for a bare array; None if it is no list.
        paging: As in endpoints.json, without defaults; None if it is not paged.
    """

    record: str = ""
    items: str | None = None
    paging: dict[str, str | bool] | None = None


def read_answer(
    method: ast.FunctionDef, sent: Sent, fields_of: FieldsOf, *, nested: bool = False
) -> Taken:
    """Return what ``method`` takes from its answer.

    Args:
        method: The source of the method.
        sent: What it sends.
        fields_of: Returns the fields of a class by its name; empty for unknown ones.
        nested: The answer is one object whose inner arrays are paged.
    """
    for statement in method.body:
        if isinstance(statement, ast.While):
            return _read_loop(statement, sent)
    taken = _read_once(method, sent, fields_of)
    if nested and taken.paging:
        answer = _class_of(next(_decoded(method)))
        return Taken(answer, None, taken.paging)
    return taken


def _decoded(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls ``Class.from_dict(answer)`` in the order of the source."""
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "from_dict"
            and isinstance(call.args[0], ast.Name)
            and call.args[0].id in ANSWERS
        ):
            yield call


def _class_of(call: ast.Call) -> str:
    return ast.unparse(call.func).removesuffix(".from_dict")


def _read_loop(loop: ast.While, sent: Sent) -> Taken:
    key = next(
        ast.literal_eval(statement.test.left)
        for statement in loop.body
        if isinstance(statement, ast.If) and isinstance(statement.test, ast.Compare)
    )
    record = next((_class_of(call) for call in _decoded(loop)), "")
    return Taken(record, key, _paging(loop.body[-1], sent))


def _paging(advance: ast.stmt, sent: Sent) -> dict[str, str | bool]:
    """Return the paging from the last statement of the loop: it makes the next request."""
    match advance:
        case ast.AugAssign(target=target):
            name = _key(target)
            style = "scim" if name == "startIndex" else "page"
            return {"style": style, "request": name, "response": "", **_size(sent)}
        case ast.Assign(targets=[ast.Name(id="body")], value=value):
            step: dict[str, str | bool] = {"style": "next_body", "request": ""}
            return {**step, "response": _key(value), "in_body": True, **_size(sent)}
        case ast.Assign(targets=[ast.Subscript() as target], value=value):
            return {
                **_token(_key(target), _key(value)),
                **({"in_body": True} if ast.unparse(target.value) == "body" else {}),
                **_size(sent),
            }
        case _:
            raise ValueError(f"unknown form of paging: {ast.unparse(advance)}")


def _key(node: ast.expr) -> str:
    match node:
        case ast.Subscript(slice=key):
            return str(ast.literal_eval(key))
        case _:
            raise ValueError(f"unknown form of paging: {ast.unparse(node)}")


def _token(request: str, response: str) -> dict[str, str | bool]:
    usual = (request, response) == ("page_token", "next_page_token")
    return {} if usual else {"request": request, "response": response}


def _size(sent: Sent) -> dict[str, str | bool]:
    wires = {*sent.query.values(), *(sent.body or {}).values()}
    size = next((name for name in SIZES if name in wires), "")
    return {"size": size} if size else {}


def _read_once(method: ast.FunctionDef, sent: Sent, fields_of: FieldsOf) -> Taken:
    call = next(_decoded(method), None)
    if call is None:
        return Taken()
    name = _class_of(call)
    attribute = _attribute_of(method, call)
    if attribute:
        found = next(field for field in fields_of(name) if field.attribute == attribute)
        return Taken(found.element, found.wire)
    if _is_element(method, call):
        return Taken(name, "")
    fields = fields_of(name)
    if "page_token" in {*sent.query.values(), *(sent.body or {}).values()} and any(
        field.wire == "next_page_token" for field in fields
    ):
        return _read_page(name, fields, sent)
    return Taken(name)


def _attribute_of(method: ast.FunctionDef, call: ast.Call) -> str:
    """Return ``attribute`` of ``parsed = Class.from_dict(json).attribute``, or ""."""
    return next(
        (
            node.attr
            for node in ast.walk(method)
            if isinstance(node, ast.Attribute) and node.value is call
        ),
        "",
    )


def _is_element(method: ast.FunctionDef, call: ast.Call) -> bool:
    return any(
        isinstance(node, ast.ListComp) and node.elt is call for node in ast.walk(method)
    )


def _read_page(name: str, fields: list[Field], sent: Sent) -> Taken:
    """Return a listing whose next page the SDK leaves to its caller."""
    in_body = sent.body is not None and "page_token" in sent.body.values()
    paging = {**({"in_body": True} if in_body else {}), **_size(sent), "caller": True}
    arrays = [field for field in fields if field.kind == "array"]
    if len(arrays) == 1:
        return Taken(arrays[0].element, arrays[0].wire, paging)
    return Taken(name, None, paging)
