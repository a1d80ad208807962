"""What one generated method sends: HTTP method, path, query, body, as its source says.

A generated method has this form (databricks-sdk 0.150 to 0.162)::

    def update(self, name: str, *, max_results: Optional[int] = None, owner: str = None):
        body = {}                                   # or: body = catalog.as_dict()
        if owner is not None:
            body["owner"] = owner
        query = {}
        if "max_results" not in query:              # constants the SDK adds
            query["max_results"] = 0
        self._api.do("PATCH", f"/api/2.1/catalogs/{name}", query=query, body=body)
"""

import ast
import re
from dataclasses import dataclass, field
from typing import Any

KNOWN_KEYWORDS = {"query", "body", "headers", "data", "raw", "response_headers"}


@dataclass
class Sent:
    """What a method sends.

    Attributes:
        method: ``"GET"``.
        path: Template, e.g. ``"/api/2.0/repos/{repo_id}"``.
        required: Arguments the Python signature demands.
        query: Argument → wire name.
        body: Argument → wire name; None if there is no JSON body.
        fixed: Query parameters the SDK adds unless they are given.
        whole: Argument that is the whole JSON body; "" if there is none.
        upload: Argument whose bytes are the body; "" if there is none.
        download: The answer is no JSON.
    """

    method: str
    path: str
    required: set[str]
    query: dict[str, str] = field(default_factory=dict[str, str])
    body: dict[str, str] | None = None
    fixed: dict[str, Any] = field(default_factory=dict[str, Any])
    whole: str = ""
    upload: str = ""
    download: bool = False


def calls_of(method: ast.FunctionDef) -> list[ast.Call]:
    """Return the calls of ``self._api.do`` in ``method``."""
    return [
        node
        for node in ast.walk(method)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._api.do"
    ]


def read_request(method: ast.FunctionDef) -> Sent | None:
    """Return what ``method`` sends; None if that is not one request to a fixed path.

    Raises:
        ValueError: Its source has a form that is not known here.
    """
    calls = calls_of(method)
    if len(calls) != 1 or len(calls[0].args) != 2:
        return None
    call = calls[0]
    sent = Sent(ast.literal_eval(call.args[0]), _template(call.args[1]), _required(method))
    for statement in method.body:
        _read_statement(statement, sent)
    for keyword in call.keywords:
        _read_keyword(keyword, sent)
    return sent


def _template(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=path):
            return str(path)
        case ast.JoinedStr(values=parts):
            return "".join(map(_template, parts))
        case ast.FormattedValue(value=value):
            return f"{{{_placeholder(value)}}}"
        case _:
            raise ValueError(f"unknown form of a path: {ast.unparse(node)}")


def _placeholder(node: ast.expr) -> str:
    """Return the argument in ``{name}``, ``{kind.value}``, ``{_escape…(path)}``."""
    text = ast.unparse(node)
    if found := re.fullmatch(r"_escape_multi_segment_path_parameter\((\w+)\)", text):
        return f"{found[1]}=**"
    text = text.removesuffix(".value").removeprefix("self._api.")
    if not text.isidentifier():
        raise ValueError(f"unknown form of a path parameter: {text}")
    return text


def _required(method: ast.FunctionDef) -> set[str]:
    positional = [argument.arg for argument in method.args.args[1:]]
    without_default = positional[: len(positional) - len(method.args.defaults)]
    by_name = zip(method.args.kwonlyargs, method.args.kw_defaults, strict=True)
    return {*without_default, *(name.arg for name, default in by_name if default is None)}


def _read_statement(statement: ast.stmt, sent: Sent) -> None:
    match statement:
        case ast.If(
            test=test, body=[ast.Assign(targets=[ast.Subscript() as target]) as then]
        ):
            _read_condition(test, target, then.value, sent)
        case ast.Assign(targets=[ast.Subscript() as target], value=value):
            if ast.unparse(target.value) == "query":
                sent.fixed[ast.literal_eval(target.slice)] = ast.literal_eval(value)
        case ast.Assign(targets=[ast.Name(id="body")], value=value):
            _read_body(ast.unparse(value), sent)
        case _:
            pass


def _read_condition(
    test: ast.expr, target: ast.Subscript, value: ast.expr, sent: Sent
) -> None:
    place, wire = ast.unparse(target.value), ast.literal_eval(target.slice)
    condition = ast.unparse(test)
    if place == "headers":
        return
    if found := re.fullmatch(r"(\w+) is not None", condition):
        arguments = sent.query if place == "query" else sent.body
        if arguments is None or place not in {"query", "body"}:
            raise ValueError(f"unknown place of an argument: {ast.unparse(target)}")
        arguments[found[1]] = wire
    elif condition == f"'{wire}' not in query":
        sent.fixed[wire] = ast.literal_eval(value)
    else:
        raise ValueError(f"unknown condition: {condition}")


def _read_body(value: str, sent: Sent) -> None:
    if value == "{}":
        sent.body = {}
    elif found := re.fullmatch(r"(\w+)\.as_dict\(\)", value):
        sent.whole = found[1]
    else:
        raise ValueError(f"unknown form of a body: {value}")


def _read_keyword(keyword: ast.keyword, sent: Sent) -> None:
    value = ast.unparse(keyword.value)
    if keyword.arg not in KNOWN_KEYWORDS:
        raise ValueError(f"unknown keyword of do(): {keyword.arg}={value}")
    if keyword.arg == "body" and value != "body":
        sent.whole = value
    elif keyword.arg == "data":
        sent.upload = value
    elif keyword.arg == "raw":
        sent.download = True
