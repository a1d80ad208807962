"""What can be listed: the contract's names, and nothing that the catalog does not know."""

from collections.abc import Iterator

import pytest

from asyncdbx import catalog
from asyncdbx.catalog import Endpoint
from asyncdbx.errors import UsageError
from asyncdbx.fleet.tree import TREES
from asyncdbx.inventory.columns import columns_of
from asyncdbx.inventory.crawl import parents_of, with_parents
from asyncdbx.inventory.resources import RESOURCES, choose
from asyncdbx.inventory.sources import Field, Resource, Source

CONTRACT = [
    "clusters",
    "cluster_policies",
    "instance_pools",
    "instance_profiles",
    "global_init_scripts",
    "libraries",
    "jobs",
    "job_runs",
    "pipelines",
    "dbfs",
    "workspace_objects",
    "repos",
    "secret_scopes",
    "secrets",
    "secret_acls",
    "tokens",
    "users",
    "groups",
    "service_principals",
    "ip_access_lists",
    "experiments",
    "registered_models",
    "model_versions",
    "permissions",
    "warehouses",
    "queries",
    "alerts",
    "dashboards",
    "serving_endpoints",
    "catalogs",
    "schemas",
    "tables",
    "volumes",
    "volume_files",
]
OF_ACCOUNT = [
    "workspaces",
    "credentials",
    "storage_configurations",
    "networks",
    "private_access_settings",
    "customer_managed_keys",
    "log_delivery",
    "account_users",
    "account_groups",
    "account_service_principals",
]

EVERY_SOURCE = [
    pytest.param(resource, source, id=f"{resource.name}-{number}")
    for resource in RESOURCES.values()
    for number, source in enumerate(resource.sources)
]


def test_every_name_of_the_contract_is_a_resource() -> None:
    """In the contract's order, each of its scope."""
    assert list(RESOURCES) == CONTRACT + OF_ACCOUNT
    scopes = {name: each.scope for name, each in RESOURCES.items()}
    assert scopes == {
        **dict.fromkeys(CONTRACT, "workspace"),
        **dict.fromkeys(OF_ACCOUNT, "account"),
    }


def endpoints(resource: Resource, source: Source) -> Iterator[Endpoint]:
    yield catalog.endpoint(source.endpoint, resource.scope)
    if source.fetch is not None:
        yield catalog.endpoint(source.fetch.endpoint, resource.scope)


@pytest.mark.parametrize(("resource", "source"), EVERY_SOURCE)
def test_every_endpoint_is_in_the_catalog_and_safe(
    resource: Resource, source: Source
) -> None:
    """Listings are listings, objects are objects, and asking twice changes nothing."""
    first, *fetches = endpoints(resource, source)
    assert (first.items is None) is source.object
    assert [each.items for each in fetches] == [None] * len(fetches)
    assert all(each.repeat_safe for each in (first, *fetches))
    assert not source.tree or source.endpoint in TREES


@pytest.mark.parametrize(("resource", "source"), EVERY_SOURCE)
def test_every_argument_is_one_of_its_endpoint(resource: Resource, source: Source) -> None:
    """Those that are given, and those that columns are taken from."""
    first, *_ = endpoints(resource, source)
    assert set(source.arguments) <= set(first.arguments)
    fields = [each for each in (source.id, source.name, source.parent) if each is not None]
    parts = [part for each in fields for part in each.parts]
    named = {part[1:] for part in parts if part.startswith("@")}
    assert named <= set(first.arguments)


SAMPLE = {
    "cluster_id": "c", "policy_id": "p", "instance_pool_id": "i", "job_id": 1,
    "pipeline_id": "p", "object_type": "NOTEBOOK", "object_id": 7, "id": "x",
    "experiment_id": "e", "dashboard_id": "d", "script_id": "s", "name": "n", "run_id": 5,
    "full_name": "a.b", "catalog_name": "a", "schema_name": "s",
    "registered_model_databricks": {"id": "m", "name": "n"},
}  # fmt: skip


@pytest.mark.parametrize(("resource", "source"), EVERY_SOURCE)
def test_what_follows_can_be_asked(resource: Resource, source: Source) -> None:
    """Each follow names a resource and a source there are, and makes a whole request."""
    first, *fetches = endpoints(resource, source)
    for follow in source.follow:
        parent = RESOURCES[follow.resource]
        assert parent.scope == resource.scope
        assert follow.source in {"", *(each.endpoint for each in parent.sources)}
        arguments = follow.arguments(SAMPLE)
        assert arguments is not None
        assert first.request(arguments).method == "GET"
    if source.fetch is not None:
        assert fetches[0].request(source.fetch.arguments(SAMPLE)).method == "GET"


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=list(RESOURCES))
def test_plain_fields_are_fields_of_the_records(resource: Resource) -> None:
    """An id or name without a dot is a scalar field that the catalog knows."""
    known = set(columns_of(resource).schema.names)
    parts = [
        part
        for source in resource.sources
        for each in (source.id, source.name)
        if each is not None
        for part in each.parts
    ]
    plain = [part for part in parts if "." not in part and not part.startswith("@")]
    assert [part for part in plain if part not in known] == []


def test_permissions_of_every_type_of_object_are_asked() -> None:
    """Each type of chapter 1.3 that belongs to an object of the contract."""
    permissions = RESOURCES["permissions"].sources[0]
    records = [
        {**SAMPLE, "object_type": each} for each in ("NOTEBOOK", "FILE", "DIRECTORY")
    ]
    asked = [follow.arguments(each) for follow in permissions.follow for each in records]
    types = {each["request_object_type"] for each in asked if each is not None}
    assert types == {
        "clusters", "cluster-policies", "instance-pools", "jobs", "pipelines", "notebooks",
        "directories", "files", "repos", "experiments", "registered-models",
        "serving-endpoints", "warehouses", "queries", "alerts", "alertsv2", "dashboards",
        "dbsql-dashboards",
    }  # fmt: skip
    fixed = [source.arguments for source in RESOURCES["permissions"].sources[1:]]
    assert [each["request_object_id"] for each in fixed] == ["tokens", "passwords"]


@pytest.mark.parametrize(
    "record", [{}, {"object_type": "LIBRARY", "object_id": 1}, {"id": ""}]
)
def test_an_object_without_acl_is_not_asked(record: dict[str, object]) -> None:
    """No id, or a type that has no permissions of its own."""
    follows = RESOURCES["permissions"].sources[0].follow
    assert [each.arguments(record) for each in follows] == [None] * len(follows)


def test_a_field_is_text_or_nothing() -> None:
    """Dotted paths, arguments, several parts; what is missing or no scalar is None."""
    record = {"a": {"b": 2**63}, "list": [1], "none": None}
    assert Field(("a.b",)).of(record, {}) == "9223372036854775808"
    assert Field(("@scope", "a.b")).of(record, {"scope": "s"}) == ("s/9223372036854775808")
    for path in ("a", "a.b.c", "list", "list.0", "none", "missing", "@scope"):
        assert Field((path,)).of(record, {}) is None
    assert Field(("a.b", "missing")).of(record, {}) is None


def test_choosing() -> None:
    """All, some in the contract's order, all but some."""
    plain = [name for name in RESOURCES if name != "volume_files"]
    assert [each.name for each in choose()] == plain
    assert [each.name for each in choose(also=("volume_files",))] == [*RESOURCES]
    assert [each.name for each in choose(("volume_files",))] == ["volume_files"]
    assert [each.name for each in choose(("jobs",), (), ("volume_files",))] == [
        "jobs",
        "volume_files",
    ]
    assert [each.name for each in choose(("jobs", "clusters", "jobs"))] == [
        "clusters",
        "jobs",
    ]
    assert [each.name for each in choose((), ("jobs",))] == [
        name for name in plain if name != "jobs"
    ]


@pytest.mark.parametrize(
    ("only", "without", "words"),
    [
        (
            ("clusterz",),
            (),
            r"^no resource 'clusterz'; did you mean clusters\? There are: cl",
        ),
        ((), ("zzzzzzz",), r"^no resource 'zzzzzzz'\. There are: clusters, "),
        (("",), (), r"^no resource ''\. There are: "),
        (("jobs",), ("jobs",), "^no resource is left to list$"),
    ],
)
def test_a_name_that_is_none(
    only: tuple[str, ...], without: tuple[str, ...], words: str
) -> None:
    """It is said, with what was meant or with all there are."""
    with pytest.raises(UsageError, match=words):
        choose(only, without)


def test_parents_are_listed_too() -> None:
    """Those of those as well, each once, in the contract's order."""
    tables = with_parents(choose(("tables", "volumes")))
    assert [each.name for each in tables] == ["catalogs", "schemas", "tables", "volumes"]
    assert parents_of(RESOURCES["clusters"]) == []
    assert len(parents_of(RESOURCES["permissions"])) == 14
