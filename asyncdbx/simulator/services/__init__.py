"""The service families; adding one is a class and a word in these lists."""

from asyncdbx.simulator.oidc import AccountOidc, WorkspaceOidc
from asyncdbx.simulator.services.account import Account
from asyncdbx.simulator.services.clusters import Clusters
from asyncdbx.simulator.services.compute import (
    ClusterPolicies,
    GlobalInitScripts,
    InstancePools,
    InstanceProfiles,
    Libraries,
)
from asyncdbx.simulator.services.dbfs import Dbfs
from asyncdbx.simulator.services.files import Files
from asyncdbx.simulator.services.jobs import Jobs
from asyncdbx.simulator.services.mlflow import Experiments, ModelRegistry
from asyncdbx.simulator.services.network import IpAccessLists, WorkspaceConf
from asyncdbx.simulator.services.permissions import Permissions
from asyncdbx.simulator.services.pipelines import Pipelines
from asyncdbx.simulator.services.queries import Alerts, Dashboards, Queries
from asyncdbx.simulator.services.repos import Repos
from asyncdbx.simulator.services.runs import Runs
from asyncdbx.simulator.services.scim import AccountDirectory, WorkspaceDirectory
from asyncdbx.simulator.services.secrets import Secrets
from asyncdbx.simulator.services.serving import ServingEndpoints
from asyncdbx.simulator.services.tokens import Tokens
from asyncdbx.simulator.services.tree import Tree
from asyncdbx.simulator.services.unity import UnityCatalog
from asyncdbx.simulator.services.warehouses import Warehouses
from asyncdbx.simulator.world import Service

WORKSPACE: tuple[type[Service], ...] = (
    Clusters,
    ClusterPolicies,
    InstancePools,
    InstanceProfiles,
    GlobalInitScripts,
    Libraries,
    Jobs,
    Runs,
    Pipelines,
    Dbfs,
    Tree,
    Repos,
    Secrets,
    Tokens,
    WorkspaceDirectory,
    IpAccessLists,
    WorkspaceConf,
    Experiments,
    ModelRegistry,
    Warehouses,
    Queries,
    Alerts,
    Dashboards,
    ServingEndpoints,
    UnityCatalog,
    Files,
    Permissions,
    WorkspaceOidc,
)
ACCOUNT: tuple[type[Service], ...] = (Account, AccountDirectory, AccountOidc)
