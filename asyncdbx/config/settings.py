"""What one place, a profile or the environment, says about one workspace."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncdbx.errors import ConfigError

# Names of the settings and their variables: databricks-sdk 0.162.0, config.py.
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
    "azure_environment": "ARM_ENVIRONMENT",
    "databricks_cli_path": "DATABRICKS_CLI_PATH",
    "discovery_url": "DATABRICKS_DISCOVERY_URL",
    "group_id": "DATABRICKS_GROUP_ID",
    "token_audience": "DATABRICKS_TOKEN_AUDIENCE",
}
# What only an environment can say: that a token of another issuer is at hand.
AMBIENT: Mapping[str, str] = {
    "oidc_token": "DATABRICKS_OIDC_TOKEN",
    "github_token_url": "ACTIONS_ID_TOKEN_REQUEST_URL",
}
# Those of them that must not be seen.
SECRET_SETTINGS = (
    "token",
    "password",
    "client_secret",
    "azure_client_secret",
    "google_credentials",
    "metadata_service_url",
)
# What only a profile can say.
_PROFILE_ONLY = ("scopes", "authorization_details")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings as they were found, before any of them is believed.

    Attributes:
        name: Name of the workspace; empty if its host shall name it.
        origin: Where they stand, for people: ``profile prod of ~/.databrickscfg``.
        values: Setting to text; hidden in repr, because secrets are among them.
        labels: How this place spells a setting, where it differs.
        hint: What to do if something is missing here.
        file: Path of the profile file; empty if this is none.
    """

    name: str
    origin: str
    values: Mapping[str, str] = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    hint: str = ""
    file: str = ""

    def get(self, key: str) -> str:
        """Return the setting without blanks around it; empty if it is not set."""
        return self.values.get(key, "").strip()

    def label(self, key: str) -> str:
        """Return how this place spells ``key``."""
        return self.labels.get(key, key)

    def said(self) -> dict[str, str]:
        """Return all that is set, by the SDK's names, with the profile it is from."""
        found = {key: self.get(key) for key in (*VARIABLES, *_PROFILE_ONLY)}
        if self.file:
            found |= {"profile": self.name, "config_file": self.file}
        return {key: value for key, value in found.items() if value}

    def error(self, problem: str) -> ConfigError:
        """Return an error that says where ``problem`` is."""
        return ConfigError(f"{self.origin}: {problem}")

    def missing(self, problem: str) -> ConfigError:
        """Return an error about a setting that is not there."""
        return self.error(f"{problem}{self.hint}")
