"""What one place, a profile or the environment, says about one workspace."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncdbx.errors import ConfigError

# Names of the settings and their variables: databricks-sdk 0.156.0, config.py.
VARIABLES: Mapping[str, str] = {
    "host": "DATABRICKS_HOST",
    "token": "DATABRICKS_TOKEN",
    "username": "DATABRICKS_USERNAME",
    "password": "DATABRICKS_PASSWORD",
    "account_id": "DATABRICKS_ACCOUNT_ID",
    "workspace_id": "DATABRICKS_WORKSPACE_ID",
    "auth_type": "DATABRICKS_AUTH_TYPE",
    "client_id": "DATABRICKS_CLIENT_ID",
    "client_secret": "DATABRICKS_CLIENT_SECRET",
    "metadata_service_url": "DATABRICKS_METADATA_SERVICE_URL",
    "oidc_token_env": "DATABRICKS_OIDC_TOKEN_ENV",
    "oidc_token_filepath": "DATABRICKS_OIDC_TOKEN_FILEPATH",
    "azure_use_msi": "ARM_USE_MSI",
    "azure_client_secret": "ARM_CLIENT_SECRET",
    "azure_client_id": "ARM_CLIENT_ID",
    "azure_tenant_id": "ARM_TENANT_ID",
    "azure_workspace_resource_id": "DATABRICKS_AZURE_RESOURCE_ID",
    "google_credentials": "GOOGLE_CREDENTIALS",
    "google_service_account": "DATABRICKS_GOOGLE_SERVICE_ACCOUNT",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings as they were found, before any of them is believed.

    Attributes:
        name: Name of the workspace; empty if its host shall name it.
        origin: Where they stand, for people: ``profile prod of ~/.databrickscfg``.
        values: Setting to text; hidden in repr, because secrets are among them.
        labels: How this place spells a setting, where it differs.
        hint: What to do if something is missing here.
    """

    name: str
    origin: str
    values: Mapping[str, str] = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    hint: str = ""

    def get(self, key: str) -> str:
        """Return the setting without blanks around it; empty if it is not set."""
        return self.values.get(key, "").strip()

    def label(self, key: str) -> str:
        """Return how this place spells ``key``."""
        return self.labels.get(key, key)

    def error(self, problem: str) -> ConfigError:
        """Return an error that says where ``problem`` is."""
        return ConfigError(f"{self.origin}: {problem}")

    def missing(self, problem: str) -> ConfigError:
        """Return an error about a setting that is not there."""
        return self.error(f"{problem}{self.hint}")
