"""The account: workspaces and what they are built from, most of it as bare arrays."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from asyncdbx.simulator.call import Answer, Call, Json
from asyncdbx.simulator.paging import Pages
from asyncdbx.simulator.router import route
from asyncdbx.simulator.services.unity_seed import METASTORE
from asyncdbx.simulator.words import past, uuid
from asyncdbx.simulator.world import MadeRoute, Row, Service, World, by, known, rows

_A = "/api/2.0/accounts/{account_id}/"
# path -> resource name, id and name of a record
_ARRAYS: Mapping[str, tuple[str, str, str]] = {
    "workspaces": ("workspaces", "workspace_id", "workspace_name"),
    "credentials": ("credentials", "credentials_id", "credentials_name"),
    "storage-configurations": (
        "storage_configurations",
        "storage_configuration_id",
        "storage_configuration_name",
    ),
    "networks": ("networks", "network_id", "network_name"),
    "private-access-settings": (
        "private_access_settings",
        "private_access_settings_id",
        "private_access_settings_name",
    ),
    "vpc-endpoints": ("vpc_endpoints", "vpc_endpoint_id", "vpc_endpoint_name"),
    "customer-managed-keys": ("customer_managed_keys", "customer_managed_key_id", ""),
}
_DELIVERIES = Pages("log_delivery_configurations", size="", default=5)


class Deployment(Protocol):
    """A workspace of the fleet, as the account sees it.

    Attributes:
        status: May change at any time.
    """

    name: str
    status: str

    @property
    def workspace_id(self) -> int:
        """16 digits."""
        ...

    @property
    def address(self) -> str:
        """Host and port; known once it has been started."""
        ...


def _array_routes() -> Iterator[MadeRoute]:
    for path in _ARRAYS:
        yield "GET", _A + path, _bound(path, Account.list_array)
        yield "GET", _A + path + "/{id}", _bound(path, Account.get_item)


def _bound(
    path: str, action: "Callable[[Account, str, Call], Answer]"
) -> Callable[..., Answer]:
    def handle(account: "Account", call: Call) -> Answer:
        return action(account, path, call)

    return handle


class Account(Service):
    """The provisioning side of one account, by path and id."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.account_id = str(world.facts["account_id"])
        self._made_at = {
            deployment.workspace_id: past(self.random) for deployment in self._deployments()
        }
        self._tables = {path: self._table(path) for path in _ARRAYS if path != "workspaces"}
        self.deliveries = [self._delivery(number) for number in range(world.count(12))]

    def _table(self, path: str) -> dict[str, Json]:
        _, id_key, name_key = _ARRAYS[path]
        made = [
            self._item(id_key, name_key, number) for number in range(self.world.count(6))
        ]
        return {item[id_key]: item for item in made}

    def _deployments(self) -> Sequence[Deployment]:
        found: Sequence[Deployment] = self.world.facts["workspaces"]
        return found

    def _records(self, path: str) -> Mapping[str, Json]:
        """Return a table; that of the workspaces as they are at this moment."""
        if path == "workspaces":
            return by("workspace_id", map(self._workspace, self._deployments()))
        return self._tables[path]

    def _workspace(self, deployment: Deployment) -> Json:
        return {
            "workspace_id": deployment.workspace_id,
            "workspace_name": deployment.name,
            "deployment_name": deployment.address,
            "account_id": self.account_id,
            "aws_region": "eu-central-1",
            "workspace_status": deployment.status,
            "workspace_status_message": f"Workspace is {deployment.status.lower()}.",
            "creation_time": self._made_at[deployment.workspace_id],
            "pricing_tier": "ENTERPRISE",
            "credentials_id": next(iter(self._tables["credentials"])),
            "storage_configuration_id": next(iter(self._tables["storage-configurations"])),
            "network_id": next(iter(self._tables["networks"])),
            "custom_tags": {"umgebung": deployment.name},
        }

    def _item(self, id_key: str, name_key: str, number: int) -> Json:
        item: Json = {
            id_key: uuid(self.random),
            "account_id": self.account_id,
            "creation_time": past(self.random),
        }
        if name_key:
            return item | {name_key: f"{name_key.removesuffix('_name')}-{number} ü"}
        arn = f"arn:aws:kms:eu-central-1:123456789012:key/{number}"
        return item | {"aws_key_info": {"key_arn": arn}, "use_cases": ["STORAGE"]}

    def _delivery(self, number: int) -> Json:
        return {
            "config_id": uuid(self.random),
            "config_name": f"Protokolle {number}",
            "account_id": self.account_id,
            "log_type": "AUDIT_LOGS" if number % 2 else "BILLABLE_USAGE",
            "output_format": "JSON",
            "status": "ENABLED",
            "creation_time": past(self.random),
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Everything but the directory."""
        found: dict[str, Callable[[], list[Row]]] = {
            name: self._lister(path) for path, (name, _, _) in _ARRAYS.items()
        }
        return found | {
            "log_delivery": lambda: rows(self.deliveries),
            "metastores": lambda: rows([_METASTORE]),
        }

    def _lister(self, path: str) -> Callable[[], list[Row]]:
        return lambda: rows(self._records(path).values())

    def list_array(self, path: str, call: Call) -> list[Json]:
        """List all as a bare array."""
        return [*self._records(path).values()]

    def get_item(self, path: str, call: Call) -> Json:
        """Return one."""
        return known(self._records(path), call.args["id"], path)

    @route("GET", _A + "log-delivery")
    def log_delivery(self, call: Call) -> Json:
        """Page through log deliveries; the page size is the server's."""
        return _DELIVERIES.cut(call, self.deliveries)

    @route("GET", _A + "metastores")
    def metastores(self, call: Call) -> Json:
        """List metastores, in one answer."""
        return {"metastores": [_METASTORE]}

    @route("GET", _A + "metastores/{metastore_id}/workspaces")
    def metastore_workspaces(self, call: Call) -> Json:
        """List the workspaces of a metastore: plain integers."""
        return {"workspace_ids": [each.workspace_id for each in self._deployments()]}


_METASTORE: Json = {
    "metastore_id": METASTORE,
    "name": "metastore",
    "region": "eu-central-1",
    "delta_sharing_scope": "INTERNAL",
}
Account.made_routes = (*_array_routes(),)
