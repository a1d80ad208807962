"""What is listed of a workspace, in the order of the contract."""

from asyncdbx.inventory.resources.permissions import PERMISSIONS
from asyncdbx.inventory.resources.plain import at, pick, plain
from asyncdbx.inventory.runtimes import (
    of_cluster,
    of_job,
    of_policy,
    of_pool,
    runtime_columns,
)
from asyncdbx.inventory.sources import (
    Arguments,
    Fetch,
    Field,
    Follow,
    Record,
    Resource,
    Source,
)

__all__ = ["WORKSPACE"]


def _volume_root(record: Record) -> Arguments:
    """Return the arguments that list the top of a volume."""
    names = (record["catalog_name"], record["schema_name"], record["name"])
    return {"directory_path": "/".join(("/Volumes", *names))}


WORKSPACE: tuple[Resource, ...] = (
    plain(
        "clusters",
        "clusters.list",
        "cluster_id",
        "cluster_name",
        derived=runtime_columns(of_cluster),
    ),
    plain(
        "cluster_policies",
        "cluster_policies.list",
        "policy_id",
        "name",
        derived=runtime_columns(of_policy),
    ),
    plain(
        "instance_pools",
        "instance_pools.list",
        "instance_pool_id",
        "instance_pool_name",
        derived=runtime_columns(of_pool),
    ),
    plain("instance_profiles", "instance_profiles.list", "instance_profile_arn"),
    Resource(
        "global_init_scripts",
        (
            Source(
                "global_init_scripts.list",
                at("script_id"),
                at("name"),
                # The list leaves out the script itself.
                fetch=Fetch("global_init_scripts.get", pick(script_id="script_id")),
            ),
        ),
    ),
    plain("libraries", "libraries.all_cluster_statuses", "cluster_id"),
    Resource(
        "jobs",
        (
            Source(
                "jobs.list",
                at("job_id"),
                at("settings.name"),
                {"expand_tasks": True},
                # The list holds the first 100 elements of each array of a job.
                fetch=Fetch(
                    "jobs.get",
                    pick(job_id="job_id"),
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
                at("run_id"),
                at("run_name"),
                {"expand_tasks": True},
                fetch=Fetch(
                    "jobs.get_run",
                    pick(run_id="run_id"),
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
                at("pipeline_id"),
                at("name"),
                # The list leaves out the specification.
                fetch=Fetch("pipelines.get", pick(pipeline_id="pipeline_id")),
            ),
        ),
    ),
    Resource(
        "dbfs",
        (
            Source(
                "dbfs.list",
                at("path"),
                arguments={"path": "/"},
                tree=True,
                parent=at("@path"),
            ),
        ),
    ),
    Resource(
        "workspace_objects",
        (
            Source(
                "workspace.list",
                at("object_id"),
                at("path"),
                {"path": "/"},
                tree=True,
                parent=at("@path"),
            ),
        ),
    ),
    plain("repos", "repos.list", "id", "path"),
    plain("secret_scopes", "secrets.list_scopes", "name", "name"),
    Resource(
        "secrets",
        (
            Source(
                "secrets.list_secrets",
                at("@scope", "key"),
                at("key"),
                follow=(Follow("secret_scopes", pick(scope="name")),),
                parent=at("@scope"),
            ),
        ),
    ),
    Resource(
        "secret_acls",
        (
            Source(
                "secrets.list_acls",
                at("@scope", "principal"),
                at("principal"),
                follow=(Follow("secret_scopes", pick(scope="name")),),
                parent=at("@scope"),
            ),
        ),
    ),
    plain("tokens", "token_management.list", "token_id", "comment"),
    plain("users", "users.list", "id", "userName"),
    plain("groups", "groups.list", "id", "displayName"),
    plain("service_principals", "service_principals.list", "id", "displayName"),
    plain("ip_access_lists", "ip_access_lists.list", "list_id", "label"),
    plain(
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
                at("registered_model_databricks.id"),
                at("registered_model_databricks.name"),
                # Permissions want the model's id, which only this answer holds.
                fetch=Fetch("model_registry.get_model", pick(name="name")),
            ),
            Source("registered_models.list", at("full_name"), at("full_name")),
        ),
    ),
    Resource(
        "model_versions",
        (
            Source(
                "model_registry.search_model_versions",
                at("name", "version"),
                at("name"),
                parent=at("name"),
            ),
            Source(
                "model_versions.list",
                at("@full_name", "version"),
                at("model_name"),
                follow=(
                    Follow(
                        "registered_models",
                        pick(full_name="full_name"),
                        "registered_models.list",
                    ),
                ),
                parent=at("@full_name"),
            ),
        ),
    ),
    PERMISSIONS,
    plain("warehouses", "warehouses.list", "id", "name"),
    plain("queries", "queries.list", "id", "display_name"),
    Resource(
        "alerts",
        (
            Source("alerts.list", at("id"), at("display_name")),
            Source("alerts_v2.list_alerts", at("id"), at("display_name")),
        ),
    ),
    Resource(
        "dashboards",
        (
            Source("lakeview.list", at("dashboard_id"), at("display_name")),
            Source("dashboards.list", at("id"), at("name")),
        ),
    ),
    plain("serving_endpoints", "serving_endpoints.list", "id", "name"),
    plain("catalogs", "catalogs.list", "full_name", "name"),
    Resource(
        "schemas",
        (
            Source(
                "schemas.list",
                at("full_name"),
                at("name"),
                follow=(Follow("catalogs", pick(catalog_name="name")),),
                parent=at("@catalog_name"),
            ),
        ),
    ),
    Resource(
        "tables",
        (
            Source(
                "tables.list",
                at("full_name"),
                at("name"),
                follow=(
                    Follow(
                        "schemas", pick(catalog_name="catalog_name", schema_name="name")
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
                at("full_name"),
                at("name"),
                follow=(
                    Follow(
                        "schemas", pick(catalog_name="catalog_name", schema_name="name")
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
                at("path"),
                at("name"),
                follow=(Follow("volumes", _volume_root),),
                tree=True,
                parent=at("@directory_path"),
            ),
        ),
        on_request=True,
    ),
)
