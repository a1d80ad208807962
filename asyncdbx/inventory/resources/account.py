"""What is listed of an account."""

from asyncdbx.inventory.resources.plain import plain
from asyncdbx.inventory.sources import Resource

__all__ = ["ACCOUNT"]


def _account(name: str, endpoint: str, id_at: str, name_at: str = "") -> Resource:
    listing = plain(name, endpoint, id_at, name_at)
    return Resource(name, listing.sources, "account")


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
