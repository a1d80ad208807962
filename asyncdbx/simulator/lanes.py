"""Which limit holds for which endpoint.

The numbers are this wing's own copy, written from the published tables and not from
the client's, so that a mistake would have to be made twice. Sources, all read on
2026-11-23:

* azure: "Resource limits", learn.microsoft.com/azure/databricks/resources/limits (API
  rate limits, by way of the transcription api-evangelist/microsoft-azure-databricks)
* ucx: the rate_limited decorators of databrickslabs/ucx
* mlflow: the older MLflow page of the platform, and its knowledge base for the registry
* sdk: docstrings of databricks-sdk 0.156
* go: databricks-sdk-go's own default of 15 requests a second, taken for all the rest
"""

import re
from dataclasses import dataclass

from asyncdbx.simulator.quota import Quota


@dataclass(frozen=True, slots=True)
class LaneRule:
    """Endpoints that share one quota in each workspace."""

    group: str
    methods: str
    paths: str
    quota: Quota
    in_flight: int = 20


DEFAULT = Quota(15, 1)  # go
_SCIM = "/api/2.0/preview/scim/v2/"
_ACCOUNT_SCIM = r"/api/2.0/accounts/[^/]+/scim/v2/\w+"
_REGISTRY = r"(databricks/)?(registered-models|model-versions|transition-requests)/"

RULES = (
    LaneRule("oidc.token", "POST", "/oidc/", DEFAULT),
    LaneRule("dbfs", ".*", "/api/2.0/dbfs/", Quota(30, 1)),  # azure
    LaneRule("jobs.create", "POST", r"/api/2.\d/jobs/create", Quota(20, 1)),  # azure
    LaneRule("jobs.run_now", "POST", r"/api/2.\d/jobs/run-now", Quota(20, 1)),  # azure
    LaneRule("jobs.get_run", "GET", r"/api/2.\d/jobs/runs/get$", Quota(100, 1)),  # azure
    LaneRule("jobs.submit", "POST", r"/api/2.\d/jobs/runs/submit", Quota(35, 1)),  # azure
    LaneRule(
        "permissions.read", "GET", "/api/2.0/permissions/", Quota(100, 1)
    ),  # azure, ucx
    LaneRule(
        "permissions.write", "PUT|PATCH", "/api/2.0/permissions/", Quota(30, 1)
    ),  # ucx
    LaneRule(
        "sql_permissions.read", "GET", "/api/2.0/preview/sql/permissions/", Quota(100, 1)
    ),
    LaneRule(
        "sql_permissions.write", "POST", "/api/2.0/preview/sql/permissions/", Quota(30, 1)
    ),
    LaneRule("secrets.acls", ".*", "/api/2.0/secrets/acls/", Quota.per_minute(1100)),  # ucx
    LaneRule("groups.read", "GET", _SCIM + "Groups", Quota.per_minute(255), 4),  # ucx
    LaneRule("groups.patch", "PATCH", _SCIM + "Groups", Quota.per_minute(10), 4),  # ucx
    LaneRule("groups.delete", "DELETE", _SCIM + "Groups", Quota.per_minute(35), 4),  # ucx
    LaneRule(
        "account_scim.list", "GET", _ACCOUNT_SCIM + "$", Quota.per_minute(240), 4
    ),  # azure
    LaneRule("account_scim.get", "GET", _ACCOUNT_SCIM + "/", Quota(20, 1), 4),  # azure, ucx
    LaneRule("account_scim.patch", "PATCH", _ACCOUNT_SCIM, Quota(2, 1), 4),  # azure
    LaneRule(
        "account_scim.write", "POST|PUT|DELETE", _ACCOUNT_SCIM, Quota(5, 1), 4
    ),  # azure
    LaneRule("account_assignments", "PUT", ".*/permissionassignments/", Quota(5, 1)),  # ucx
    LaneRule("token_management", ".*", "/api/2.0/token-management/", Quota(40, 1)),  # azure
    LaneRule("workspace.export", "GET", "/api/2.0/workspace/export", Quota(60, 1)),  # azure
    LaneRule(
        "workspace.import", "POST", "/api/2.0/workspace/import", Quota(30, 1)
    ),  # azure
    LaneRule(
        "mlflow.experiments", ".*", "/api/2.0/mlflow/experiments/", Quota(7, 1)
    ),  # mlflow
    LaneRule(
        "mlflow.search_runs", ".*", "/api/2.0/mlflow/runs/search", Quota(7, 1)
    ),  # mlflow
    LaneRule(
        "mlflow.log_batch", ".*", "/api/2.0/mlflow/runs/log-batch", Quota(47, 1)
    ),  # mlflow
    LaneRule(
        "mlflow.registry", ".*", "/api/2.0/mlflow/" + _REGISTRY, Quota(40, 1)
    ),  # mlflow
    LaneRule("mlflow.tracking", ".*", "/api/2.0/mlflow/", Quota(120, 1)),  # azure
    LaneRule("serving", ".*", "/api/2.0/serving-endpoints", Quota(200, 1)),  # azure
    LaneRule("genie", ".*", "/api/2.0/genie/", Quota.per_minute(20)),  # azure
)

# Ten or more calls at once may be throttled or temporarily banned: sdk.
_SQL_LISTS = re.compile(r"/api/2.0/(preview/)?sql/(queries|alerts|dashboards)$")
_SCIM_PATH = re.compile(r".*/scim/v2/")


def rule_of(method: str, template: str) -> LaneRule:
    """Return the limit of an endpoint; without a published one it is a lane of its own."""
    for rule in RULES:
        if re.fullmatch(rule.methods, method) and re.match(rule.paths, template):
            return rule
    return LaneRule(f"{method} {template}", method, template, DEFAULT, _in_flight(template))


def _in_flight(template: str) -> int:
    if _SCIM_PATH.match(template):
        return 4
    return 9 if _SQL_LISTS.match(template) else 20
