"""What an inventory lists: each resource, from which calls its records come.

Data and plain functions; nothing here waits. Facts on endpoints: chapter 1 of the API notes
(paths, ids, fan-outs), which name their own sources.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from asyncdbx.errors import UsageError
from asyncdbx.inventory.runtimes import (
    of_cluster,
    of_job,
    of_policy,
    of_pool,
    runtime_columns,
)
from asyncdbx.inventory.sources import (
    NOTHING,
    Arguments,
    Derived,
    Fetch,
    Field,
    Follow,
    Record,
    Resource,
    Source,
)

__all__ = ["ACCOUNT", "RESOURCES", "WORKSPACE", "choose"]


def _at(*parts: str) -> Field:
    return Field(parts)


def _pick(**arguments: str) -> Callable[[Record], Arguments]:
    """Return a function that takes these arguments from these keys of a record."""
    return lambda record: {name: record[key] for name, key in arguments.items()}


def _flat(
    name: str,
    endpoint: str,
    id_at: str,
    name_at: str = "",
    *,
    derived: Derived = NOTHING,
    **arguments: Any,
) -> Resource:
    """Return a resource that is one plain listing of a workspace."""
    label = _at(name_at) if name_at else None
    source = Source(endpoint, _at(id_at), label, arguments)
    return Resource(name, (source,), derived=derived)


def _account(name: str, endpoint: str, id_at: str, name_at: str = "") -> Resource:
    plain = _flat(name, endpoint, id_at, name_at)
    return Resource(name, plain.sources, "account")


def _acl(resource: str, object_type: str, id_at: str, source: str = "") -> Follow:
    """Return the permissions of each record of a resource: one call for each object."""
    at = _at(id_at)

    def arguments(record: Record) -> Arguments | None:
        identifier = at.of(record, {})
        if not identifier:
            return None
        return {"request_object_type": object_type, "request_object_id": identifier}

    return Follow(resource, arguments, source)


WORKSPACE_OBJECT_TYPES = {
    "DIRECTORY": "directories",
    "FILE": "files",
    "NOTEBOOK": "notebooks",
}


def _workspace_object_acl(record: Record) -> Arguments | None:
    """Return the ACL's arguments of a notebook, file or directory.

    Git folders and dashboards of the tree are asked as repos and dashboards; a library has
    no ACL of its own.
    """
    object_type = WORKSPACE_OBJECT_TYPES.get(record.get("object_type", ""))
    if object_type is None or "object_id" not in record:
        return None
    return {
        "request_object_type": object_type,
        "request_object_id": str(record["object_id"]),
    }


def _volume_root(record: Record) -> Arguments:
    """Return the arguments that list the top of a volume."""
    names = (record["catalog_name"], record["schema_name"], record["name"])
    return {"directory_path": "/".join(("/Volumes", *names))}


PERMISSION_OF = _at("@request_object_type", "@request_object_id")


def _token_permissions(word: str) -> Source:
    return Source(
        "permissions.get",
        _at("object_id"),
        arguments={"request_object_type": "authorization", "request_object_id": word},
        object=True,
        parent=PERMISSION_OF,
    )


PERMISSION_FOLLOWS = (
    _acl("clusters", "clusters", "cluster_id"),
    _acl("cluster_policies", "cluster-policies", "policy_id"),
    _acl("instance_pools", "instance-pools", "instance_pool_id"),
    _acl("jobs", "jobs", "job_id"),
    _acl("pipelines", "pipelines", "pipeline_id"),
    Follow("workspace_objects", _workspace_object_acl),
    _acl("repos", "repos", "id"),
    _acl("experiments", "experiments", "experiment_id"),
    _acl(
        "registered_models",
        "registered-models",
        "registered_model_databricks.id",
        "model_registry.list_models",
    ),
    _acl("serving_endpoints", "serving-endpoints", "id"),
    _acl("warehouses", "warehouses", "id"),
    _acl("queries", "queries", "id"),
    _acl("alerts", "alerts", "id", "alerts.list"),
    _acl("alerts", "alertsv2", "id", "alerts_v2.list_alerts"),
    _acl("dashboards", "dashboards", "dashboard_id", "lakeview.list"),
    _acl("dashboards", "dbsql-dashboards", "id", "dashboards.list"),
)

WORKSPACE: tuple[Resource, ...] = (
    _flat(
        "clusters",
        "clusters.list",
        "cluster_id",
        "cluster_name",
        derived=runtime_columns(of_cluster),
    ),
    _flat(
        "cluster_policies",
        "cluster_policies.list",
        "policy_id",
        "name",
        derived=runtime_columns(of_policy),
    ),
    _flat(
        "instance_pools",
        "instance_pools.list",
        "instance_pool_id",
        "instance_pool_name",
        derived=runtime_columns(of_pool),
    ),
    _flat("instance_profiles", "instance_profiles.list", "instance_profile_arn"),
    Resource(
        "global_init_scripts",
        (
            Source(
                "global_init_scripts.list",
                _at("script_id"),
                _at("name"),
                # The list leaves out the script itself.
                fetch=Fetch("global_init_scripts.get", _pick(script_id="script_id")),
            ),
        ),
    ),
    _flat("libraries", "libraries.all_cluster_statuses", "cluster_id"),
    Resource(
        "jobs",
        (
            Source(
                "jobs.list",
                _at("job_id"),
                _at("settings.name"),
                {"expand_tasks": True},
                # The list holds the first 100 elements of each array of a job.
                fetch=Fetch(
                    "jobs.get",
                    _pick(job_id="job_id"),
                    when=lambda record: record.get("has_more") is True,
                    merge=True,
                ),
            ),
        ),
        derived=runtime_columns(of_job),
    ),
    Resource(
        "job_runs",
        (
            Source(
                "jobs.list_runs",
                _at("run_id"),
                _at("run_name"),
                {"expand_tasks": True},
                fetch=Fetch(
                    "jobs.get_run",
                    _pick(run_id="run_id"),
                    when=lambda record: record.get("has_more") is True,
                    merge=True,
                ),
            ),
        ),
    ),
    Resource(
        "pipelines",
        (
            Source(
                "pipelines.list_pipelines",
                _at("pipeline_id"),
                _at("name"),
                # The list leaves out the specification.
                fetch=Fetch("pipelines.get", _pick(pipeline_id="pipeline_id")),
            ),
        ),
    ),
    Resource(
        "dbfs",
        (
            Source(
                "dbfs.list",
                _at("path"),
                arguments={"path": "/"},
                tree=True,
                parent=_at("@path"),
            ),
        ),
    ),
    Resource(
        "workspace_objects",
        (
            Source(
                "workspace.list",
                _at("object_id"),
                _at("path"),
                {"path": "/"},
                tree=True,
                parent=_at("@path"),
            ),
        ),
    ),
    _flat("repos", "repos.list", "id", "path"),
    _flat("secret_scopes", "secrets.list_scopes", "name", "name"),
    Resource(
        "secrets",
        (
            Source(
                "secrets.list_secrets",
                _at("@scope", "key"),
                _at("key"),
                follow=(Follow("secret_scopes", _pick(scope="name")),),
                parent=_at("@scope"),
            ),
        ),
    ),
    Resource(
        "secret_acls",
        (
            Source(
                "secrets.list_acls",
                _at("@scope", "principal"),
                _at("principal"),
                follow=(Follow("secret_scopes", _pick(scope="name")),),
                parent=_at("@scope"),
            ),
        ),
    ),
    _flat("tokens", "token_management.list", "token_id", "comment"),
    _flat("users", "users.list", "id", "userName"),
    _flat("groups", "groups.list", "id", "displayName"),
    _flat("service_principals", "service_principals.list", "id", "displayName"),
    _flat("ip_access_lists", "ip_access_lists.list", "list_id", "label"),
    _flat(
        "experiments",
        "experiments.search_experiments",
        "experiment_id",
        "name",
        view_type="ALL",
    ),
    Resource(
        "registered_models",
        (
            Source(
                "model_registry.list_models",
                _at("registered_model_databricks.id"),
                _at("registered_model_databricks.name"),
                # Permissions want the model's id, which only this answer holds.
                fetch=Fetch("model_registry.get_model", _pick(name="name")),
            ),
            Source("registered_models.list", _at("full_name"), _at("full_name")),
        ),
    ),
    Resource(
        "model_versions",
        (
            Source(
                "model_registry.search_model_versions",
                _at("name", "version"),
                _at("name"),
                parent=_at("name"),
            ),
            Source(
                "model_versions.list",
                _at("@full_name", "version"),
                _at("model_name"),
                follow=(
                    Follow(
                        "registered_models",
                        _pick(full_name="full_name"),
                        "registered_models.list",
                    ),
                ),
                parent=_at("@full_name"),
            ),
        ),
    ),
    Resource(
        "permissions",
        (
            Source(
                "permissions.get",
                _at("object_id"),
                follow=PERMISSION_FOLLOWS,
                object=True,
                parent=PERMISSION_OF,
            ),
            _token_permissions("tokens"),
            _token_permissions("passwords"),
        ),
    ),
    _flat("warehouses", "warehouses.list", "id", "name"),
    _flat("queries", "queries.list", "id", "display_name"),
    Resource(
        "alerts",
        (
            Source("alerts.list", _at("id"), _at("display_name")),
            Source("alerts_v2.list_alerts", _at("id"), _at("display_name")),
        ),
    ),
    Resource(
        "dashboards",
        (
            Source("lakeview.list", _at("dashboard_id"), _at("display_name")),
            Source("dashboards.list", _at("id"), _at("name")),
        ),
    ),
    _flat("serving_endpoints", "serving_endpoints.list", "id", "name"),
    _flat("catalogs", "catalogs.list", "full_name", "name"),
    Resource(
        "schemas",
        (
            Source(
                "schemas.list",
                _at("full_name"),
                _at("name"),
                follow=(Follow("catalogs", _pick(catalog_name="name")),),
                parent=_at("@catalog_name"),
            ),
        ),
    ),
    Resource(
        "tables",
        (
            Source(
                "tables.list",
                _at("full_name"),
                _at("name"),
                follow=(
                    Follow(
                        "schemas", _pick(catalog_name="catalog_name", schema_name="name")
                    ),
                ),
                parent=Field(("@catalog_name", "@schema_name"), between="."),
            ),
        ),
    ),
    Resource(
        "volumes",
        (
            Source(
                "volumes.list",
                _at("full_name"),
                _at("name"),
                follow=(
                    Follow(
                        "schemas", _pick(catalog_name="catalog_name", schema_name="name")
                    ),
                ),
                parent=Field(("@catalog_name", "@schema_name"), between="."),
            ),
        ),
    ),
    Resource(
        "volume_files",
        (
            Source(
                "files.list_directory_contents",
                _at("path"),
                _at("name"),
                follow=(Follow("volumes", _volume_root),),
                tree=True,
                parent=_at("@directory_path"),
            ),
        ),
        on_request=True,
    ),
)

ACCOUNT: tuple[Resource, ...] = (
    _account("workspaces", "workspaces.list", "workspace_id", "workspace_name"),
    _account("credentials", "credentials.list", "credentials_id", "credentials_name"),
    _account(
        "storage_configurations",
        "storage.list",
        "storage_configuration_id",
        "storage_configuration_name",
    ),
    _account("networks", "networks.list", "network_id", "network_name"),
    _account(
        "private_access_settings",
        "private_access.list",
        "private_access_settings_id",
        "private_access_settings_name",
    ),
    _account("customer_managed_keys", "encryption_keys.list", "customer_managed_key_id"),
    _account("log_delivery", "log_delivery.list", "config_id", "config_name"),
    _account("account_users", "users.list", "id", "userName"),
    _account("account_groups", "groups.list", "id", "displayName"),
    _account("account_service_principals", "service_principals.list", "id", "displayName"),
)

RESOURCES: Mapping[str, Resource] = {each.name: each for each in (*WORKSPACE, *ACCOUNT)}


def choose(
    only: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
) -> tuple[Resource, ...]:
    """Return the chosen resources, in the order of the contract.

    Args:
        only: Names to take; if empty, all but those that are only taken on request.
        without: Names to leave out.
        also: Names to take besides.

    Raises:
        UsageError: a name is no resource, or nothing is left.
    """
    for name in (*only, *without, *also):
        if name not in RESOURCES:
            close = get_close_matches(name, RESOURCES, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise UsageError(
                f"no resource {name!r}{hint} There are: {', '.join(RESOURCES)}"
            )
    wanted = only or [name for name, each in RESOURCES.items() if not each.on_request]
    chosen = [
        each
        for name, each in RESOURCES.items()
        if (name in wanted or name in also) and name not in without
    ]
    if not chosen:
        raise UsageError("no resource is left to list")
    return tuple(chosen)
