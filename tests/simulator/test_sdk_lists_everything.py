"""The official SDK as the judge: what it lists is what the simulator holds."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import pytest
from databricks.sdk import AccountClient, WorkspaceClient
from databricks.sdk.service.workspace import ObjectType

from asyncdbx.simulator import Simulator

Lister = Callable[[Any], Iterable[Any]]
pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def prod(small_fleet: Simulator) -> WorkspaceClient:
    """The SDK's client of the larger workspace."""
    return _client(small_fleet, "prod")


@pytest.fixture(scope="module")
def account(small_fleet: Simulator) -> AccountClient:
    """The SDK's client of the account."""
    host = small_fleet["account"]
    return AccountClient(host=host.host, token=host.token, account_id=host.account_id)


def _client(fleet: Simulator, name: str) -> WorkspaceClient:
    return WorkspaceClient(host=fleet[name].host, token=fleet[name].token)


def _dbfs(w: Any) -> Iterator[Any]:
    folders = ["/"]
    while folders:
        for entry in w.dbfs.list(folders.pop()):
            yield entry
            if entry.is_dir:
                folders.append(entry.path)


def _tree(w: Any) -> Iterator[Any]:
    folders = ["/"]
    while folders:
        for found in w.workspace.list(folders.pop()):
            yield found
            if found.object_type in (ObjectType.DIRECTORY, ObjectType.REPO):
                folders.append(found.path)


def _scopes(w: Any) -> list[str]:
    return [scope.name for scope in w.secrets.list_scopes()]


def _schemas(w: Any) -> Iterator[Any]:
    for catalog in w.catalogs.list():
        yield from w.schemas.list(catalog.name)


def _in_schemas(lister: str) -> Lister:
    def list_all(w: Any) -> Iterator[Any]:
        for schema in _schemas(w):
            yield from getattr(w, lister).list(schema.catalog_name, schema.name)

    return list_all


def _volume_files(w: Any) -> Iterator[Any]:
    roots = (v.full_name.replace(".", "/") for v in _in_schemas("volumes")(w))
    left = [f"/Volumes/{root}" for root in roots]
    while left:
        for entry in w.files.list_directory_contents(left.pop()):
            yield entry
            if entry.is_directory:
                left.append(entry.path)


def _permissions(w: Any) -> Iterator[Any]:
    ids: Mapping[str, Iterable[Any]] = {
        "clusters": (c.cluster_id for c in w.clusters.list()),
        "cluster-policies": (p.policy_id for p in w.cluster_policies.list()),
        "instance-pools": (p.instance_pool_id for p in w.instance_pools.list()),
        "jobs": (str(j.job_id) for j in w.jobs.list()),
        "pipelines": (p.pipeline_id for p in w.pipelines.list_pipelines()),
        "notebooks": _objects(w, ObjectType.NOTEBOOK),
        "directories": _objects(w, ObjectType.DIRECTORY),
        "files": _objects(w, ObjectType.FILE),
        "repos": (str(r.id) for r in w.repos.list()),
        "experiments": (e.experiment_id for e in w.experiments.list_experiments()),
        "registered-models": (m.registered_model_databricks.id for m in _registry(w)),
        "serving-endpoints": (e.id for e in w.serving_endpoints.list()),
        "warehouses": (x.id for x in w.warehouses.list()),
        "queries": (q.id for q in w.queries.list()),
        "alerts": (a.id for a in w.alerts.list()),
        "alertsv2": (a.id for a in w.alerts_v2.list_alerts()),
        "dashboards": (d.dashboard_id for d in w.lakeview.list()),
        "dbsql-dashboards": (d.id for d in w.dashboards.list()),
        "authorization": ("tokens", "passwords"),
    }
    for kind, found in ids.items():
        for id_ in found:
            yield w.permissions.get(kind, id_)


def _objects(w: Any, kind: ObjectType) -> Iterator[str]:
    return (str(found.object_id) for found in _tree(w) if found.object_type is kind)


def _registry(w: Any) -> Iterator[Any]:
    return (w.model_registry.get_model(m.name) for m in w.model_registry.search_models())


WORKSPACE: Mapping[str, Lister] = {
    "clusters": lambda w: w.clusters.list(),
    "cluster_policies": lambda w: w.cluster_policies.list(),
    "instance_pools": lambda w: w.instance_pools.list(),
    "instance_profiles": lambda w: w.instance_profiles.list(),
    "global_init_scripts": lambda w: (
        w.global_init_scripts.get(script.script_id)
        for script in w.global_init_scripts.list()
    ),
    "libraries": lambda w: w.libraries.all_cluster_statuses(),
    "jobs": lambda w: w.jobs.list(expand_tasks=True),
    "job_runs": lambda w: w.jobs.list_runs(expand_tasks=True),
    "pipelines": lambda w: (
        w.pipelines.get(p.pipeline_id) for p in w.pipelines.list_pipelines()
    ),
    "dbfs": _dbfs,
    "workspace_objects": _tree,
    "repos": lambda w: w.repos.list(),
    "git_credentials": lambda w: w.git_credentials.list(),
    "secret_scopes": lambda w: w.secrets.list_scopes(),
    "secrets": lambda w: (s for scope in _scopes(w) for s in w.secrets.list_secrets(scope)),
    "secret_acls": lambda w: (
        a for scope in _scopes(w) for a in w.secrets.list_acls(scope)
    ),
    "tokens": lambda w: w.token_management.list(),
    "own_tokens": lambda w: w.tokens.list(),
    "users": lambda w: w.users.list(),
    "groups": lambda w: w.groups.list(),
    "service_principals": lambda w: w.service_principals.list(),
    "ip_access_lists": lambda w: w.ip_access_lists.list(),
    "experiments": lambda w: w.experiments.search_experiments(),
    "registered_models": lambda w: chain(_registry(w), w.registered_models.list()),
    "model_versions": lambda w: chain(
        w.model_registry.search_model_versions(),
        (v for m in w.registered_models.list() for v in w.model_versions.list(m.full_name)),
    ),
    "permissions": _permissions,
    "warehouses": lambda w: w.warehouses.list(),
    "queries": lambda w: w.queries.list(),
    "legacy_queries": lambda w: w.queries_legacy.list(),
    "alerts": lambda w: chain(w.alerts.list(), w.alerts_v2.list_alerts()),
    "legacy_alerts": lambda w: w.alerts_legacy.list(),
    "dashboards": lambda w: chain(w.lakeview.list(), w.dashboards.list()),
    "serving_endpoints": lambda w: w.serving_endpoints.list(),
    "catalogs": lambda w: w.catalogs.list(),
    "schemas": _schemas,
    "tables": _in_schemas("tables"),
    "volumes": _in_schemas("volumes"),
    "volume_files": _volume_files,
    "functions": _in_schemas("functions"),
}
ACCOUNT: Mapping[str, Lister] = {
    "workspaces": lambda a: a.workspaces.list(),
    "credentials": lambda a: a.credentials.list(),
    "storage_configurations": lambda a: a.storage.list(),
    "networks": lambda a: a.networks.list(),
    "private_access_settings": lambda a: a.private_access.list(),
    "vpc_endpoints": lambda a: a.vpc_endpoints.list(),
    "customer_managed_keys": lambda a: a.encryption_keys.list(),
    "log_delivery": lambda a: a.log_delivery.list(),
    "metastores": lambda a: a.metastores.list(),
    "account_users": lambda a: a.users.list(),
    "account_groups": lambda a: a.groups.list(),
    "account_service_principals": lambda a: a.service_principals.list(),
}
# where the SDK's record has nothing that tells it from another: all of it is compared
IDS = (
    "cluster_id", "policy_id", "instance_pool_id", "instance_profile_arn", "script_id",
    "run_id", "job_id", "pipeline_id", "object_id", "token_id", "list_id", "experiment_id",
    "dashboard_id", "table_id", "volume_id", "credential_id", "config_id", "id", "path",
    "workspace_id", "full_name", "private_access_settings_id", "vpc_endpoint_id",
)  # fmt: skip


def _identity(record: Mapping[str, Any]) -> str:
    for key in IDS:
        if key in record:
            return f"{key}={record[key]}"
    plain = record.get("registered_model_databricks", record)
    return str(sorted((k, v) for k, v in plain.items() if isinstance(v, str | int)))


def _within(part: Any, whole: Any) -> bool:
    """Tell whether ``part`` is in ``whole``; the SDK drops what it cannot say."""
    if isinstance(part, dict):
        return all(
            key in whole and _within(value, whole[key]) for key, value in part.items()
        )
    if isinstance(part, list):
        pairs = zip(part, whole, strict=len(part) == len(whole))
        return len(part) == len(whole) and all(_within(*pair) for pair in pairs)
    return bool(part == whole)


def _compare(found: Iterable[Any], truth: list[dict[str, Any]]) -> None:
    listed = sorted((record.as_dict() for record in found), key=_identity)
    expected = sorted(truth, key=_identity)
    assert [*map(_identity, listed)] == [*map(_identity, expected)]
    differing = [pair for pair in zip(listed, expected, strict=True) if not _within(*pair)]
    assert differing == []


@pytest.mark.parametrize("resource", WORKSPACE)
def test_the_sdk_lists_what_a_workspace_holds(
    resource: str, prod: WorkspaceClient, small_fleet: Simulator
) -> None:
    """Every record once, none twice, and no field that the truth does not have."""
    truth = small_fleet["prod"].truth(resource)
    assert truth != []
    _compare(WORKSPACE[resource](prod), truth)


@pytest.mark.parametrize("resource", ACCOUNT)
def test_the_sdk_lists_what_the_account_holds(
    resource: str, account: AccountClient, small_fleet: Simulator
) -> None:
    """The same for the account's bare arrays, tokens and directory."""
    truth = small_fleet["account"].truth(resource)
    assert truth != []
    _compare(ACCOUNT[resource](account), truth)


def test_every_resource_with_a_truth_is_judged(small_fleet: Simulator) -> None:
    """A new resource cannot be forgotten here."""
    assert sorted(small_fleet["prod"].resources()) == sorted(WORKSPACE)
    assert sorted(small_fleet["account"].resources()) == sorted(ACCOUNT)
