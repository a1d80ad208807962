"""The catalog against its judge: every request method of the official SDK.

The SDK is the installed one, or the one in the folder ``$ASYNCDBX_SDK_PATH``. If its
version is the one endpoints.json was made from, that file is tested; otherwise what the
generator makes of it is tested, and the file on the methods both versions have.
"""

import collections
import copy
import enum
import importlib
import inspect
import io
import json
import os
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

if SDK_PATH := os.environ.get("ASYNCDBX_SDK_PATH"):
    sys.path.insert(0, SDK_PATH)

import databricks.sdk
from databricks.sdk._base_client import _BaseClient

from asyncdbx.catalog import Catalog, Endpoint, Paging, Scope
from asyncdbx.catalog.generate.build import catalog_of, render
from asyncdbx.catalog.generate.sdk import Sdk, locate
from asyncdbx.catalog.index import FILE, catalog
from asyncdbx.errors import UsageError

SDK_VERSION: str = databricks.sdk.version.__version__
ACCOUNT_ID = "11111111-2222"
HOST = "https://example.test"

# Methods that cannot be compared, each with its reason.
NOT_COMPARED = {
    "serving_endpoints_data_plane.query": (
        "calls the model's own host after a look-up and a token exchange"
    ),
    "consumer_listings.search": (
        "the SDK overwrites its argument 'query' and puts the dict into itself: it cannot"
        " send anything"
    ),
}


class Captured(BaseException):
    """What the SDK would have sent."""


class Recorder:
    """Stands where the SDK's ApiClient stands; sends nothing."""

    def __init__(self, answers: list[Any] | None = None) -> None:
        self.account_id = ACCOUNT_ID
        self._cfg = types.SimpleNamespace(
            workspace_id=None, account_id=ACCOUNT_ID, host=HOST
        )
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self._answers = answers

    def do(self, method: str, path: str, **keywords: Any) -> Any:
        """Keep the request; answer it, if there are answers."""
        if self._answers is None:
            raise Captured(method, path, keywords)
        sent = {key: copy.deepcopy(keywords.get(key)) for key in ("query", "body")}
        self.requests.append((method, path, sent))
        return self._answers.pop(0)


Key = tuple[Scope, str]
Methods = dict[Key, tuple[type, str]]


def api_classes() -> Iterator[tuple[Scope, str, type]]:
    """Yield scope, attribute and plain API class of everything on the SDK's clients."""
    clients: tuple[tuple[Scope, type], ...] = (
        ("workspace", databricks.sdk.WorkspaceClient),
        ("account", databricks.sdk.AccountClient),
    )
    for scope, client in clients:
        yield from walk(scope, "", client)
    bundle = importlib.import_module("databricks.sdk.service.bundle")
    yield "workspace", "bundle", bundle.BundleAPI


def walk(scope: Scope, path: str, owner: type) -> Iterator[tuple[Scope, str, type]]:
    """Yield the API classes behind the properties of ``owner``, and those behind theirs."""
    for name, attribute in vars(owner).items():
        if isinstance(attribute, property) and attribute.fget:
            hint = typing.get_type_hints(attribute.fget).get("return")
            api = plain_api(hint)
            if api is not None:
                yield scope, path + name, api
                yield from walk(scope, f"{path}{name}.", api)


def plain_api(hint: object) -> type | None:
    """Return the generated class under ``hint``: mixins do several requests at once."""
    for base in inspect.getmro(hint) if isinstance(hint, type) else ():
        if base.__module__.startswith("databricks.sdk.service.") and base.__name__.endswith(
            "API"
        ):
            return base
    return None


@pytest.fixture(scope="module")
def methods() -> Methods:
    """Every request method of the SDK; those that only wait and poll are left out."""
    return {
        (scope, f"{attribute}.{name}"): (api, name)
        for scope, attribute, api in api_classes()
        for name, function in vars(api).items()
        if inspect.isfunction(function)
        and not name.startswith(("_", "wait_"))
        and not name.endswith("_and_wait")
    }


@pytest.fixture(scope="module")
def generated() -> dict[str, Any]:
    """What the generator makes of the SDK under test."""
    return catalog_of(Sdk.read(locate(Path(SDK_PATH) if SDK_PATH else None)))


@pytest.fixture(scope="module")
def tested(generated: dict[str, Any]) -> Catalog:
    """The committed catalog if it is of this SDK, else the one generated from this SDK."""
    return catalog() if catalog().sdk_version == SDK_VERSION else Catalog(generated)


# What the SDK's value types are made of.
MADE_OF: dict[str, dict[str, Any]] = {
    "FieldMask": {"field_mask": ["name", "comment"]},
    "Timestamp": {"seconds": 1_700_000_000},
    "Duration": {"seconds": 90},
}


class Dummies:
    """Makes values for arguments from their type hints."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def of(self, name: str, hint: Any, depth: int = 0) -> Any:
        """Return a value of type ``hint``; None if it would nest too deep."""
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Union:
            return self.of(name, arguments[0], depth)
        if origin in {list, dict}:
            inner = self.of(name, arguments[-1], depth)
            many = [inner, inner] if origin is list else {"key": inner}
            return None if inner is None else many
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return next(iter(hint))
        if hasattr(hint, "as_dict") and name not in self._endpoint.path_args:
            return self._record(hint, depth)
        return self._plain(name, hint, depth)

    def _record(self, hint: Any, depth: int) -> Any:
        if depth == 2:
            return None
        fields = {
            name: self.of(name, field, depth + 1)
            for name, field in typing.get_type_hints(hint).items()
        }
        return hint(**fields)

    def _plain(self, name: str, hint: Any, depth: int) -> Any:
        kind = getattr(hint, "__name__", str(hint))
        if kind in MADE_OF:
            return hint(**MADE_OF[kind])
        # in a nested query the SDK sends "True", which is wrong; see test_catalog
        has_body = self._endpoint.sends_body or self._endpoint.whole_body
        nested_query = depth > 0 and not has_body
        plain_values: dict[str, Any] = {
            # the SDK overwrites these two with 1, whatever is asked for
            "int": 1 if name in {"start_index", "page"} else 9007199254740993,
            "bool": None if nested_query else True,
            "float": 1.5,
            "any": {"any": [1, "x"]},
            "BinaryIO": io.BytesIO(b"content"),
        }
        # an object in a path is inserted as its repr by the SDK, so a text stands for it
        return plain_values.get(kind, self._text(name))

    def _text(self, name: str) -> str:
        # the SDK inserts path parameters unescaped, so none of # ? % here; see test_catalog
        if name in self._endpoint.multi_segment:
            slash = "" if f"/{{{name}}}" in self._endpoint.path else "/"
            return f"{slash}things/{name} é/parts/1"
        return f"{name} é1"


def plain(value: Any) -> Any:
    """Return what a user of asyncdbx writes for an SDK value: plain JSON."""
    if isinstance(value, enum.Enum):
        return value.value
    if hasattr(value, "as_dict"):
        return plain(value.as_dict())
    if hasattr(value, "ToJsonString"):
        return value.ToJsonString()
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return value


def dummy_arguments(
    function: Any, endpoint: Endpoint, *, only_required: bool
) -> dict[str, Any]:
    """Return arguments for ``function``, as the SDK wants them."""
    hints = typing.get_type_hints(function)
    dummies = Dummies(endpoint)
    # without a request_id the SDK makes a random one; one optional argument is in a path
    always = {"request_id", *endpoint.path_args}
    return {
        name: dummies.of(name, hints[name])
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
        and (not only_required or parameter.default is parameter.empty or name in always)
    }


def sdk_sends(api: type, name: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
    """Return method, path, query and body as the SDK would put them on the wire."""
    try:
        result = getattr(api(Recorder()), name)(**arguments)
        if inspect.isgenerator(result):
            next(result)
    except Captured as captured:
        method, path, keywords = captured.args
    else:
        raise AssertionError(f"{name} sent nothing")
    query = _BaseClient._fix_query_string(keywords.get("query"))
    url = urlsplit(requests.Request(method, HOST + path, params=query).prepare().url)
    body = keywords.get("data") or keywords.get("body")
    if keywords.get("body") is not None:
        body = plain(keywords["body"])
    pairs = sorted(parse_qsl(str(url.query), keep_blank_values=True))
    return method, str(url.path), pairs, body


def we_send(endpoint: Endpoint, arguments: dict[str, Any]) -> tuple[Any, ...]:
    """Return the same of our request."""
    given = {name: plain(value) for name, value in arguments.items()}
    request = endpoint.request(given, account_id=ACCOUNT_ID)
    return request.method, request.path, sorted(request.query), request.body


def difference(endpoint: Endpoint, api: type, name: str) -> str:
    """Return how our request differs from the SDK's for the same arguments; "" if equal."""
    for only_required in (False, True):
        arguments = dummy_arguments(
            getattr(api, name), endpoint, only_required=only_required
        )
        theirs = sdk_sends(api, name, arguments)
        try:
            ours = we_send(endpoint, arguments)
        except UsageError as error:
            return str(error)
        if ours != theirs:
            return f"{endpoint.name}: {ours} is not {theirs}"
    return ""


def test_the_sdk_under_test_is_the_one_that_was_asked_for() -> None:
    """Another test may not have imported a different SDK before."""
    if SDK_PATH:
        assert Path(databricks.sdk.__file__).is_relative_to(Path(SDK_PATH).resolve())
    else:
        assert tuple(map(int, SDK_VERSION.split("."))) >= (0, 150, 0)


def test_the_catalog_names_exactly_the_request_methods_of_the_sdk(
    tested: Catalog, methods: Methods
) -> None:
    """None is missing, none is invented."""
    assert set(tested.names()) == set(methods)


def test_every_method_sends_what_the_sdk_sends(tested: Catalog, methods: Methods) -> None:
    """Same method, path, query and body, with all arguments and with the required ones."""
    different = [
        found
        for (scope, name), (api, method) in methods.items()
        if name not in NOT_COMPARED
        and (found := difference(tested.endpoint(name, scope), api, method))
    ]

    assert different == []


def test_the_exceptions_still_exist(methods: Methods) -> None:
    """A method that can be compared again must leave the list."""
    for name in NOT_COMPARED:
        api, method = methods["workspace", name]
        with pytest.raises((TypeError, RecursionError)):
            sdk_sends(api, method, {"name": "x"} if "plane" in name else {"query": "x"})


def test_the_committed_catalog_holds_for_what_versions_have_in_common(
    tested: Catalog, methods: Methods
) -> None:
    """Where it differs from this SDK's wire, the two SDK versions differ themselves."""
    committed = catalog()
    common = [
        key for key in committed.names() if key in methods and key[1] not in NOT_COMPARED
    ]
    wrong = [
        found
        for scope, name in common
        if (found := difference(committed.endpoint(name, scope), *methods[scope, name]))
        and committed.endpoint(name, scope) == tested.endpoint(name, scope)
    ]

    assert wrong == []
    assert len(common) >= 1250


def test_the_committed_catalog_is_what_the_generator_writes(
    generated: dict[str, Any],
) -> None:
    """For its own SDK version, byte for byte; other versions give other files."""
    same_version = catalog().sdk_version == SDK_VERSION

    assert (render(generated) == FILE.read_text("utf-8")) is same_version


def answers(endpoint: Endpoint, items: list[Any]) -> list[Any]:
    """Return the pages of a listing that holds each of ``items`` on a page of its own."""
    if endpoint.items == "":
        return [items]
    if endpoint.paging is None:
        return [{endpoint.items: items}]
    pages: list[Any] = [{endpoint.items: [item]} for item in items]
    match endpoint.paging.style:
        case "token":
            pages[0][endpoint.paging.response_token] = "t+2"
        case "next_body":
            pages[0][endpoint.paging.response_token] = {"cluster_id": "t+2"}
        case _:
            pages.append({})
    return pages


def follow_up(paging: Paging, sent: dict[str, Any]) -> Any:
    """Return what asks for the second page in a request."""
    if paging.style == "next_body":
        return sent["body"]
    return sent["body" if paging.in_body else "query"][paging.request_token]


EXPECTED_FOLLOW_UP: dict[str, Any] = {
    "token": "t+2",
    "next_body": {"cluster_id": "t+2"},
    "scim": 2,
    "page": 2,
}


def listings(tested: Catalog) -> list[Endpoint]:
    """Return the endpoints whose pages the SDK itself walks."""
    every = [tested.endpoint(name, scope) for scope, name in tested.names()]
    return [
        endpoint
        for endpoint in every
        if endpoint.items is not None
        and (endpoint.paging is None or endpoint.paging.sdk_iterates)
        and endpoint.name not in NOT_COMPARED
    ]


def walk_listing(
    endpoint: Endpoint, api: type, name: str, items: list[Any]
) -> tuple[list[Any], Recorder]:
    """Let the SDK list ``items``; return what it makes of them and what it asked."""
    recorder = Recorder(answers(endpoint, items))
    arguments = dummy_arguments(getattr(api, name), endpoint, only_required=True)
    return list(getattr(api(recorder), name)(**arguments)), recorder


def test_items_and_paging_are_those_the_sdk_follows(
    tested: Catalog, methods: Methods
) -> None:
    """Fed with two items on two pages, the SDK finds both and asks as the catalog says."""
    styles: collections.Counter[str] = collections.Counter()
    for endpoint in listings(tested):
        api, name = methods[endpoint.scope, endpoint.name]
        plain_items = endpoint.items == "workspace_ids"  # the only list of plain numbers
        items: list[Any] = [7, 8] if plain_items else [{"id": "1"}, {"id": "2"}]
        found, recorder = walk_listing(endpoint, api, name, items)

        assert len(found) == 2, endpoint.name
        if endpoint.paging:
            second = follow_up(endpoint.paging, recorder.requests[1][2])
            assert second == EXPECTED_FOLLOW_UP[endpoint.paging.style], endpoint.name
        styles[endpoint.paging.style if endpoint.paging else "none"] += 1

    assert styles["token"] > 150
    assert (styles["scim"], styles["page"], styles["next_body"]) == (12, 2, 1)


def test_int64_fields_are_those_the_sdk_reads_from_decimal_strings(
    tested: Catalog, methods: Methods
) -> None:
    """The SDK turns "7" into 7 for 64-bit fields and for no other."""
    marked = 0
    for endpoint in listings(tested):
        numbers = {
            name for name, kind in endpoint.fields.items() if kind in {"int64", "int"}
        }
        if not numbers:
            continue
        api, name = methods[endpoint.scope, endpoint.name]
        item = dict.fromkeys(numbers, "7") | {"id": "7"}
        found, _ = walk_listing(endpoint, api, name, [item, item | {"id": "8"}])
        read = found[0].as_dict()
        as_numbers = {field for field in numbers if read[field] == 7}

        assert as_numbers == numbers & set(endpoint.int64), endpoint.name
        marked += len(as_numbers)

    assert marked > 150


def test_whole_bodies_are_json(tested: Catalog, methods: Methods) -> None:
    """What the comparison compares can be sent: our bodies survive json."""
    endpoint = tested.endpoint("jobs.create")
    api, name = methods["workspace", "jobs.create"]
    arguments = dummy_arguments(getattr(api, name), endpoint, only_required=False)

    body = we_send(endpoint, arguments)[3]

    assert json.loads(json.dumps(body)) == body
    assert len(body) > 20
