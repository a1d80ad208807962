"""Puts the parts together: one catalog of an SDK, and its text."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from asyncdbx.catalog.generate.answers import FieldsOf, Taken, read_answer
from asyncdbx.catalog.generate.records import Field, fields_of
from asyncdbx.catalog.generate.requests import Sent, calls_of, read_request
from asyncdbx.catalog.generate.sdk import Sdk, Service

FACTS = Path(__file__).parent.parent / "facts.toml"
SCALARS = {"str", "int", "int64", "int64[]", "float", "bool"}
# "memory-stores/{id}", "accounts/123/metastores": how a description shows a resource name
RESOURCE_NAME = re.compile(r"[\w}>*]/[\w{<*]")

Entry: TypeAlias = dict[str, Any]
Facts: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Method:
    """One request method of the SDK.

    Attributes:
        service: Where it hangs.
        source: Its source.
        fields: Returns the fields of a class of its module.
        sent: What it sends; None if that is not one request to a fixed path.
        taken: What it makes of the answer.
    """

    service: Service
    source: ast.FunctionDef
    fields: FieldsOf
    sent: Sent | None
    taken: Taken

    @property
    def name(self) -> str:
        """The name among the endpoints of its scope."""
        return f"{self.service.name}.{self.source.name}"

    @property
    def full_name(self) -> str:
        """The name in facts.toml."""
        return self.name if self.service.scope == "workspace" else f"account:{self.name}"


def catalog_of(sdk: Sdk) -> dict[str, Any]:
    """Return the catalog of ``sdk`` as endpoints.json holds it.

    Raises:
        ValueError: A method has a form that is not known; it is named.
    """
    facts = tomllib.loads(FACTS.read_text("utf-8"))
    methods = list(_methods(sdk, facts))
    prefixes = {*facts["resource_prefixes"], *_resource_prefixes(methods)}
    catalog: dict[str, Any] = {
        "sdk_version": sdk.version,
        "records": {},
        "workspace": {},
        "account": {},
    }
    for method in methods:
        entry = _entry(method, prefixes)
        _add_record(entry, method, catalog["records"])
        _add_facts(entry, method.full_name, facts)
        catalog[method.service.scope][method.name] = entry
    return catalog


def render(catalog: dict[str, Any]) -> str:
    """Return ``catalog`` as sorted JSON, one line per endpoint: diffs are short."""
    parts = [f'"sdk_version": {json.dumps(catalog["sdk_version"])}']
    for section in ("workspace", "account", "records"):
        lines = [
            f"{json.dumps(name)}:{json.dumps(entry, separators=(',', ':'))}"
            for name, entry in sorted(catalog[section].items())
        ]
        parts.append(f'"{section}": {{\n' + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _methods(sdk: Sdk, facts: Facts) -> Iterator[Method]:
    for service in sdk.services:
        fields = _fields_in(sdk, service.module)
        for node in service.api.body:
            if (
                isinstance(node, ast.FunctionDef)
                and not node.name.startswith("_")
                and calls_of(node)  # the others wait, poll, or call several of these
            ):
                name = f"{service.name}.{node.name}"
                nested = name in facts["nested_arrays"]
                try:
                    yield _method(service, node, fields, nested=nested)
                except ValueError as error:
                    message = f"databricks-sdk {sdk.version}, {name}: {error}"
                    raise ValueError(message) from error


def _method(
    service: Service, source: ast.FunctionDef, fields: FieldsOf, *, nested: bool
) -> Method:
    sent = read_request(source)
    taken = read_answer(source, sent, fields, nested=nested) if sent else Taken()
    return Method(service, source, fields, sent, taken)


def _fields_in(sdk: Sdk, module: str) -> FieldsOf:
    classes = sdk.classes[module]

    @cache
    def of(name: str) -> list[Field]:
        return fields_of(classes[name]) if name in classes else []

    return of


def _resource_prefixes(methods: list[Method]) -> Iterator[str]:
    """Yield the paths after which a resource name such as ``rules/{rule_id}`` follows.

    Some methods under a path describe the form of ``name`` and ``parent``, others do not;
    it is the same for all of them.
    """
    for method in methods:
        path = method.sent.path if method.sent else ""
        found = re.match(r"([^{]*){(name|parent)}", path)
        if found and RESOURCE_NAME.search(_description(method.source, found[2])):
            yield found[1]


def _description(method: ast.FunctionDef, argument: str) -> str:
    text = ast.get_docstring(method) or ""
    pattern = rf":param {argument}:(.*?)(?=\n:param|\n:returns|\Z)"
    found = re.search(pattern, text, re.DOTALL)
    return found[1] if found else ""


def _entry(method: Method, prefixes: set[str]) -> Entry:
    if method.sent is None:
        # serving_endpoints_data_plane.query: the model's own host, after a lookup and
        # a token exchange; everything of it is known only at run time
        return {
            "http": "POST {endpoint_url}",
            "unsupported": "served by the model's own host",
        }
    path = _with_resource_name(method.sent.path, prefixes)
    return _request_entry(method.sent, path) | _answer_entry(method.taken)


def _with_resource_name(path: str, prefixes: set[str]) -> str:
    """Return ``path`` with ``{name}`` as ``{name=**}`` if slashes belong to the name."""
    prefix, _, rest = path.partition("{")
    if prefix not in prefixes or "=**" in rest.partition("}")[0]:
        return path
    return path.replace("}", "=**}", 1)


def _request_entry(sent: Sent, path: str) -> Entry:
    entry: Entry = {"http": f"{sent.method} {path}"}
    if sent.query:
        entry["query"] = _arguments(sent.query, sent.required)
    if sent.fixed:
        entry["fixed"] = sent.fixed
    if sent.whole:
        entry["whole"] = sent.whole
    elif sent.body is not None:
        entry["body"] = _arguments(sent.body, sent.required)
    if sent.upload:
        entry["upload"] = sent.upload
    if sent.download:
        entry["download"] = True
    return entry


def _arguments(names: dict[str, str], required: set[str]) -> str:
    return " ".join(
        name + ("" if name == wire else f"={wire}") + ("!" if name in required else "")
        for name, wire in names.items()
    )


def _answer_entry(taken: Taken) -> Entry:
    entry: Entry = {}
    if taken.items is not None:
        entry["items"] = taken.items
    if taken.paging is not None:
        entry["paging"] = taken.paging
    return entry


def _add_record(entry: Entry, method: Method, records: dict[str, str]) -> None:
    """Name in ``entry`` the key of ``records`` that holds the fields of its items."""
    name = method.taken.record
    scalars = [field for field in method.fields(name) if field.kind in SCALARS]
    if scalars:
        entry["record"] = f"{method.service.module}.{name}"
        records[entry["record"]] = " ".join(
            field.wire + ("" if field.kind == "str" else f":{field.kind}")
            for field in scalars
        )


def _add_facts(entry: Entry, full_name: str, facts: Facts) -> None:
    if full_name in facts["safe_to_repeat"] or full_name in facts["reading_posts"]:
        entry["safe"] = True
    if argument := facts["safe_with"].get(full_name):
        entry["safe_with"] = argument
    for argument in facts["extra_arguments"].get(full_name, ()):
        entry["body"] += f" {argument}"
    if nested := facts["nested_arrays"].get(full_name):
        entry["nested"] = nested
