"""The permissions of every object that has some: one call for each."""

from asyncdbx.inventory.resources.plain import at
from asyncdbx.inventory.sources import Arguments, Follow, Record, Resource, Source

__all__ = ["PERMISSIONS"]


def _acl(resource: str, object_type: str, id_at: str, source: str = "") -> Follow:
    """Return the permissions of each record of a resource: one call for each object."""
    field = at(id_at)

    def arguments(record: Record) -> Arguments | None:
        identifier = field.of(record, {})
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


PERMISSION_OF = at("@request_object_type", "@request_object_id")


def _token_permissions(word: str) -> Source:
    return Source(
        "permissions.get",
        at("object_id"),
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

PERMISSIONS = Resource(
    "permissions",
    (
        Source(
            "permissions.get",
            at("object_id"),
            follow=PERMISSION_FOLLOWS,
            object=True,
            parent=PERMISSION_OF,
        ),
        _token_permissions("tokens"),
        _token_permissions("passwords"),
    ),
)
