"""Which kind of login the settings of a workspace mean, as the official SDK decides it.

``auth_type`` says it, else the settings that are there; those of two logins contradict
each other.

Source:
    databricks-sdk 0.162.0, config.py ``_validate`` and credentials_provider.py
    ``DefaultCredentials``; azure-msi, which only the SDK for Go has: databricks-sdk-go,
    config/auth_azure_msi.go.
"""

from collections.abc import Mapping

from asyncdbx.config.settings import Settings

# To which family of logins a setting belongs; settings of two families contradict.
_FAMILIES: Mapping[str, str] = {
    "token": "pat",
    "username": "basic",
    "password": "basic",
    "client_id": "oauth",
    "client_secret": "oauth",
    "oidc_token_env": "env-oidc",
    "oidc_token_filepath": "file-oidc",
    "azure_client_id": "azure",
    "azure_client_secret": "azure",
    "azure_tenant_id": "azure",
    "azure_use_msi": "azure",
    "azure_workspace_resource_id": "azure",
    "google_credentials": "google",
    "google_service_account": "google",
    "metadata_service_url": "metadata-service",
}
_TRUE = frozenset({"1", "on", "true", "yes"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


def kind_of(settings: Settings) -> str:
    """Return the ``auth_type`` that the settings mean; empty if they mean none.

    Raises:
        ConfigError: They mean two.
    """
    return settings.get("auth_type").lower() or _implied(settings)


def _implied(settings: Settings) -> str:
    given = [key for key in _FAMILIES if settings.get(key)]
    if _is_off(settings, "azure_use_msi"):
        given = [key for key in given if key != "azure_use_msi"]
    families = {_FAMILIES[key]: key for key in reversed(given)}
    if len(families) > 1:
        keys = " and ".join(sorted(settings.label(key) for key in families.values()))
        raise settings.error(
            f"{keys} belong to different logins; remove what is not meant, or set"
            f" {settings.label('auth_type')}"
        )
    match next(iter(families), ""):
        case "oauth":
            return _oauth_kind(settings)
        case "azure":
            return _azure_kind(settings)
        case "google":
            return (
                "google-credentials" if settings.get("google_credentials") else "google-id"
            )
        case "":
            return "env-oidc" if settings.get("oidc_token") else ""
        case family:
            return family


def _oauth_kind(settings: Settings) -> str:
    if settings.get("client_secret"):
        return "oauth-m2m"
    if settings.get("oidc_token"):
        return "env-oidc"
    return "github-oidc" if settings.get("github_token_url") else "oauth-m2m"


def _azure_kind(settings: Settings) -> str:
    if not _is_off(settings, "azure_use_msi"):
        return "azure-msi"
    return "azure-client-secret" if settings.get("azure_client_secret") else "azure-cli"


def _is_off(settings: Settings, key: str) -> bool:
    value = settings.get(key).lower()
    if value not in _TRUE | _FALSE:
        raise settings.error(f"{settings.label(key)} must be true or false")
    return value in _FALSE
