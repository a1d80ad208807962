"""Which host and which login a profile file and an environment mean, beside the SDK.

``python tests/profile_cases.py`` prints the table.

The official SDK's ``Config`` is the judge: each case is given to both, and either they
agree, or the case names the reason why they do not. The SDK gets no network: discovery
finds nothing, and providers that would ask an issuer are replaced by ones that only say
that they were chosen.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from databricks.sdk import config as sdk_config
from databricks.sdk import credentials_provider as sdk_credentials

from asyncdbx.config import WorkspaceConfig, resolve
from asyncdbx.errors import ConfigError

A = "https://a.cloud.databricks.com"
B = "https://b.cloud.databricks.com"
AZURE = "https://adb-1.2.azuredatabricks.net"
ACCOUNTS = "https://accounts.cloud.databricks.com"
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Databricks/workspaces/w"

# Why the two differ, where they do.
MIX = "a profile and the environment are never mixed: one could get the other's token"
ENV_ALONE = "an environment that names a host or a token says all of it"
EMPTY = "an empty value says nothing"
BOOL = "the SDK takes any text for true, and does nothing with it"
MSI = "the SDK for Python has no managed identity; the one for Go has"
HOST = "a pasted address keeps path and query in the SDK for Python; as the SDK for Go"
CASE = "a host has no upper case"
AUTO = "found by the SDK only once it asks issuers and programs; we hand it over to it"
ACCOUNT = "an account without its id is an error at once, not at the first call"
HTTP = "a token in the clear is only for this machine"
BLANK = "a token with a blank or a comment behind it cannot be one"
BOM = "an error of ours names file and line"
AMBIENT = "a profile takes no token of another issuer from the environment unasked"
NO_HOST = "the SDK asks Azure for the host, with the secret, before anything is checked"


class Case(NamedTuple):
    """One file and environment.

    Attributes:
        name: What it is about.
        file: The profile file.
        env: The environment.
        profile: What is given with ``-p``; "" for nothing.
        ours: Host and kind of login; a text is part of the error.
        why: Why the SDK says something else; "" if it must say the same.
    """

    name: str
    file: str
    env: Mapping[str, str]
    profile: str
    ours: tuple[str, str] | str
    why: str = ""


def section(name: str, host: str = A, **settings: str) -> str:
    lines = [f"[{name}]", *([f"host = {host}"] if host else [])]
    return "\n".join([*lines, *(f"{k} = {v}" for k, v in settings.items())]) + "\n"


def env(host: str = B, **settings: str) -> dict[str, str]:
    return ({"DATABRICKS_HOST": host} if host else {}) | settings


PAT = section("p", token="t")
M2M = {"client_id": "c", "client_secret": "s"}
ENTRA = {"azure_client_id": "c", "azure_client_secret": "s", "azure_tenant_id": "t"}
ENV_M2M = {"DATABRICKS_CLIENT_ID": "c", "DATABRICKS_CLIENT_SECRET": "s"}
ENV_PAT = {"DATABRICKS_TOKEN": "t"}
GITHUB = {
    "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1/t?x=1",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "r",
}

CASES = (
    # --- which place -------------------------------------------------------------------
    Case("a profile that is named", PAT, {}, "p", (A, "pat")),
    Case("one of two", PAT + section("q", B, token="u"), {}, "q", (B, "pat")),
    Case("named in the environment", PAT, {"DATABRICKS_CONFIG_PROFILE": "p"}, "",
         (A, "pat")),
    Case("named twice", PAT + section("q", B, token="u"),
         {"DATABRICKS_CONFIG_PROFILE": "p"}, "q", (B, "pat")),
    Case("DEFAULT", section("DEFAULT", token="t"), {}, "", (A, "pat")),
    Case("DEFAULT by name", section("DEFAULT", token="t"), {}, "DEFAULT", (A, "pat")),
    Case("DEFAULT is nobody's base", section("DEFAULT", token="t") + "[p]\nhost = x.y\n",
         {}, "p", ("https://x.y", ""), AUTO),
    Case("settings name the default", PAT + "[__settings__]\ndefault_profile = p\n", {},
         "", (A, "pat")),
    Case("settings before DEFAULT", section("DEFAULT", B, token="u") + PAT
         + "[__settings__]\ndefault_profile = p\n", {}, "", (A, "pat")),
    Case("the environment before settings", PAT + section("q", B, token="u")
         + "[__settings__]\ndefault_profile = p\n", {"DATABRICKS_CONFIG_PROFILE": "q"}, "",
         (B, "pat")),
    Case("settings name nobody", PAT + "[__settings__]\ndefault_profile = x\n", {}, "",
         "has no profile 'x'"),
    Case("settings are no profile", PAT + "[__settings__]\na = b\n", {}, "__settings__",
         "reserved"),
    Case("settings name nothing", section("DEFAULT", token="t")
         + "[__settings__]\ndefault_profile =\n", {}, "", (A, "pat")),
    Case("no such profile", PAT, {}, "x", "has no profile 'x'"),
    Case("no such profile in the environment", PAT, {"DATABRICKS_CONFIG_PROFILE": "x"},
         "", "has no profile 'x'"),
    Case("a name by its case", PAT, {}, "P", "has no profile 'P'; did you mean 'p'?"),
    Case("nothing at all", "", {}, "", "no workspace was named"),
    Case("the environment alone", "", env(**ENV_PAT), "", (B, "pat")),
    Case("the environment before DEFAULT", section("DEFAULT", token="u"), env(**ENV_PAT),
         "", (B, "pat")),
    Case("only a token", section("DEFAULT", token="u"), ENV_PAT, "",
         "DATABRICKS_HOST is not set"),
    Case("only a host", section("DEFAULT", token="u"), env(), "", (B, ""), AUTO),
    Case("a profile beside another host", PAT, env(), "p", (A, "pat"), MIX),
    Case("a profile beside another token", PAT, ENV_PAT | {"DATABRICKS_TOKEN": "e"}, "p",
         (A, "pat")),
    Case("a profile beside another login", PAT, ENV_M2M, "p", (A, "pat"), MIX),
    Case("a profile beside Terraform's", PAT, {"ARM_CLIENT_ID": "x"}, "p", (A, "pat"),
         MIX),
    Case("a profile beside a kind", PAT, {"DATABRICKS_AUTH_TYPE": "oauth-m2m"}, "p",
         (A, "pat"), MIX),
    Case("a profile's missing token", section("p"), ENV_PAT, "p", (A, ""), MIX),
    Case("both in the environment", PAT, env(DATABRICKS_CONFIG_PROFILE="p"), "", (B, ""),
         ENV_ALONE),
    Case("stray ids without a host", section("DEFAULT", token="t"),
         {"ARM_CLIENT_ID": "x"}, "", (A, "pat"), ENV_ALONE),
    # --- how the file is read ----------------------------------------------------------
    Case("colons and case", "[p]\nHOST : a.cloud.databricks.com\nToken : t\n", {}, "p",
         (A, "pat")),
    Case("comments on their own lines", f"# c\n[p]\n; c\nhost = {A}\n# c\ntoken = t\n",
         {}, "p", (A, "pat")),
    Case("a comment behind a token", section("p", token="t # mine"), {}, "p",
         "token has a blank", BLANK),
    Case("a per cent sign", section("p", token="t%20"), {}, "p", (A, "pat")),
    Case("unknown keys", section("p", token="t", unknown="1", insecure="x"), {}, "p",
         (A, "pat")),
    Case("a second profile of the name", PAT + PAT, {}, "p", "there is a second profile"),
    Case("a second key", PAT + "token = u\n", {}, "p", "has a second 'token'"),
    Case("no section", "host = x\n", {}, "p", "line must come first"),
    Case("a byte order mark", "\ufeff" + PAT, {}, "p", "byte order mark"),
    Case("an empty key", section("p", token="t", username=""), {}, "p", (A, "pat"), EMPTY),
    Case("blanks around a token", "[p]\nhost = a.b\ntoken =   t   \n", {}, "p",
         ("https://a.b", "pat")),
    # --- which host --------------------------------------------------------------------
    Case("no scheme", section("p", "a.cloud.databricks.com", token="t"), {}, "p",
         (A, "pat")),
    Case("a slash", section("p", A + "/", token="t"), {}, "p", (A, "pat")),
    Case("the usual port", section("p", A + ":443", token="t"), {}, "p", (A, "pat")),
    Case("another port", section("p", A + ":8443", token="t"), {}, "p",
         (A + ":8443", "pat")),
    Case("upper case", section("p", "https://A.Cloud.Databricks.com", token="t"), {}, "p",
         (A, "pat"), CASE),
    Case("a pasted workspace", section("p", AZURE + "/?o=77#setting", token="t"), {}, "p",
         (AZURE, "pat"), HOST),
    Case("a pasted path", section("p", A + "/compute/clusters", token="t"), {}, "p",
         (A, "pat"), HOST),
    Case("plain http", section("p", "http://a.b", token="t"), {}, "p",
         "http:// is only for this machine", HTTP),
    Case("plain http at home", section("p", "http://127.0.0.1:8080", token="t"), {}, "p",
         ("http://127.0.0.1:8080", "pat")),
    Case("no host", "[p]\ntoken = t\n", {}, "p", "host is not set"),
    Case("an account", section("p", ACCOUNTS, account_id="x", **M2M), {}, "p",
         (ACCOUNTS, "oauth-m2m")),
    Case("an account without id", section("p", ACCOUNTS, **M2M), {}, "p",
         "needs account_id", ACCOUNT),
    # --- which login -------------------------------------------------------------------
    Case("user and password", section("p", username="u", password="w"), {}, "p",
         (A, "basic")),
    Case("user alone", section("p", username="u"), {}, "p", "password is not set"),
    Case("machine to machine", section("p", **M2M), {}, "p", (A, "oauth-m2m")),
    Case("in the environment", "", env(**ENV_M2M), "", (B, "oauth-m2m")),
    Case("client without secret", section("p", client_id="c"), {}, "p",
         "client_secret is not set"),
    Case("two logins", section("p", token="t", **M2M), {}, "p",
         "client_id and token belong to different logins"),
    Case("two logins in the environment", "", env(**ENV_PAT, ARM_CLIENT_ID="x"), "",
         "belong to different logins"),
    Case("two logins and a word", section("p", token="t", auth_type="oauth-m2m", **M2M),
         {}, "p", (A, "oauth-m2m")),
    Case("the word for a token", section("p", token="t", auth_type="pat", **M2M), {}, "p",
         (A, "pat")),
    Case("the word for what is not there", section("p", token="t", auth_type="basic"), {},
         "p", "login kind basic is not complete"),
    Case("no such word", section("p", token="t", auth_type="nope"), {}, "p",
         "'nope' is no kind of login"),
    Case("Entra", section("p", AZURE, **ENTRA), {}, "p", (AZURE, "azure-client-secret")),
    Case("Entra in the environment", "", env(AZURE, ARM_CLIENT_ID="c",
         ARM_CLIENT_SECRET="s", ARM_TENANT_ID="t"), "", (AZURE, "azure-client-secret")),
    Case("Entra without host", section("p", "", azure_workspace_resource_id=RESOURCE,
         **ENTRA), {}, "p", "host is not set", NO_HOST),
    Case("Entra by resource", section("p", AZURE, azure_workspace_resource_id=RESOURCE,
         **ENTRA), {}, "p", (AZURE, "azure-client-secret")),
    Case("managed identity", section("p", AZURE, azure_use_msi="true"), {}, "p",
         (AZURE, "azure-msi"), MSI),
    Case("one of several identities", section("p", AZURE, azure_use_msi="true",
         azure_client_id="c"), {}, "p", (AZURE, "azure-msi"), MSI),
    Case("no managed identity", section("p", AZURE, azure_use_msi="false", **ENTRA), {},
         "p", (AZURE, "azure-client-secret")),
    Case("a token and no managed identity", section("p", token="t", azure_use_msi="false"),
         {}, "p", (A, "pat"), BOOL),
    Case("az", section("p", AZURE, auth_type="azure-cli"), {}, "p", (AZURE, "azure-cli")),
    Case("a tenant alone", section("p", AZURE, azure_tenant_id="t"), {}, "p",
         (AZURE, "azure-cli")),
    Case("databricks", section("p", auth_type="databricks-cli"), {}, "p",
         (A, "databricks-cli")),
    Case("a browser", section("p", auth_type="external-browser"), {}, "p",
         (A, "external-browser")),
    Case("Google's file", section("p", google_credentials="{}"), {}, "p",
         (A, "google-credentials")),
    Case("Google's account", section("p", google_service_account="x@y"), {}, "p",
         (A, "google-id")),
    Case("metadata service", section("p", metadata_service_url="http://127.0.0.1:1"), {},
         "p", (A, "metadata-service")),
    Case("file federation", section("p", auth_type="file-oidc", client_id="c",
         oidc_token_filepath="{home}/token"), {}, "p", (A, "file-oidc")),
    Case("file federation of an account", section("p",
         oidc_token_filepath="{home}/token"), {}, "p", (A, "file-oidc")),
    Case("file federation without a word", section("p", client_id="c",
         oidc_token_filepath="{home}/token"), {}, "p", "belong to different logins"),
    Case("file federation, the older name", "", env(
         DATABRICKS_OIDC_TOKEN_FILE="{home}/token"), "", (B, "file-oidc")),
    Case("a variable's federation", section("p", auth_type="env-oidc", client_id="c"),
         {"DATABRICKS_OIDC_TOKEN": "j.w.t"}, "p", (A, "env-oidc")),
    Case("another variable's", section("p", auth_type="env-oidc", oidc_token_env="MINE"),
         {"MINE": "j.w.t"}, "p", (A, "env-oidc")),
    Case("a variable, unasked", section("p", client_id="c"),
         {"DATABRICKS_OIDC_TOKEN": "j.w.t"}, "p", "client_secret is not set", AMBIENT),
    Case("a variable in the environment", "", env(DATABRICKS_CLIENT_ID="c",
         DATABRICKS_OIDC_TOKEN="j.w.t"), "", (B, "env-oidc")),
    Case("GitHub", section("p", auth_type="github-oidc", client_id="c"), GITHUB, "p",
         (A, "github-oidc")),
    Case("GitHub, unasked", section("p", client_id="c"), GITHUB, "p",
         "client_secret is not set", AMBIENT),
    Case("GitHub in the environment", "", env(DATABRICKS_CLIENT_ID="c", **GITHUB), "",
         (B, "github-oidc")),
    Case("a secret wins over GitHub", "", env(**ENV_M2M, **GITHUB), "", (B, "oauth-m2m")),
    Case("a group's role", section("p", group_id="g", **M2M), {}, "p", (A, "oauth-m2m")),
    Case("a group's role by token", section("p", token="t", group_id="g"), {}, "p",
         "cannot take the role of a group"),
)  # fmt: skip


class Chosen:
    """A provider that is chosen where the real one is, and asks nobody."""

    def __init__(self, kind: str, needs: tuple[str, ...]) -> None:
        self._kind = kind
        self._needs = needs

    def auth_type(self) -> str:
        return self._kind

    def __call__(self, cfg: Any) -> Any:
        if not all(getattr(cfg, need) for need in self._needs) or not self._fits(cfg):
            return None
        return lambda: {"Authorization": f"chosen {self._kind}"}

    def _fits(self, cfg: Any) -> bool:
        match self._kind:
            case "env-oidc":
                return bool(os.environ.get(cfg.oidc_token_env or "DATABRICKS_OIDC_TOKEN"))
            case "github-oidc":
                return "ACTIONS_ID_TOKEN_REQUEST_TOKEN" in os.environ
            case "external-browser":
                return bool(cfg.auth_type == "external-browser")
            case "databricks-cli":  # it is not installed, unless it is meant
                return bool(cfg.auth_type == "databricks-cli")
            case _:
                return True


# What a provider requires (credentials_provider.py) before it asks anybody; the two that
# ask nobody stay as they are, and so does the order.
NEEDS = {
    "metadata-service": ("host", "metadata_service_url"),
    "oauth-m2m": ("host", "client_id", "client_secret"),
    "env-oidc": ("host",),
    "file-oidc": ("host", "oidc_token_filepath"),
    "github-oidc": ("host", "client_id"),
    "azure-client-secret": ("azure_client_id", "azure_client_secret"),
    "azure-cli": ("effective_azure_login_app_id",),
    "external-browser": ("host", "auth_type"),
    "databricks-cli": ("host",),
    "google-credentials": ("host", "google_credentials"),
    "google-id": ("host", "google_service_account"),
}


def offline() -> sdk_credentials.DefaultCredentials:
    """Return the SDK's own chain, with nobody to ask."""
    chain = sdk_credentials.DefaultCredentials()
    chain._auth_providers = [
        Chosen(name, NEEDS[name]) if (name := each.auth_type()) in NEEDS else each
        for each in chain._auth_providers
    ]
    return chain


def of_sdk(case: Case) -> tuple[str, str] | str:
    """Return what the SDK's Config makes of a case: host and kind, or its error."""
    arguments = {"profile": case.profile} if case.profile else {}
    try:
        with patch.object(sdk_config.Config, "_resolve_host_metadata", lambda _: None):
            config = sdk_config.Config(credentials_strategy=offline(), **arguments)
    except Exception as error:  # noqa: BLE001 - also configparser's
        return f"{type(error).__name__}: {error}"
    return config.host, config.auth_type


def of_us(case: Case, home: Path) -> tuple[str, str] | str:
    """Return what we make of it."""
    names = [case.profile] if case.profile else []
    try:
        [config] = resolve(names, environ=os.environ, home=home)
    except ConfigError as error:
        return str(error)
    return config.host, kind(config)


def kind(config: WorkspaceConfig) -> str:
    assert config.login is not None
    return config.login.kind


def agree(case: Case, theirs: tuple[str, str] | str) -> bool:
    """Return whether the SDK says what a case says, or both call it an error."""
    if isinstance(case.ours, tuple):
        return theirs == case.ours
    return isinstance(theirs, str)


def prepare(case: Case, home: Path) -> dict[str, str]:
    """Write the case's files and return its environment."""
    (home / "token").write_text("j.w.t\n")
    if case.file:
        text = case.file.replace("{home}", str(home))
        (home / ".databrickscfg").write_text(text)
    values = {name: value.replace("{home}", str(home)) for name, value in case.env.items()}
    return {"HOME": str(home)} | values


def main() -> None:
    """Print all cases: what we say, what the SDK says, and why that differs."""
    differ = 0
    for number, case in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as folder:
            environ = prepare(case, Path(folder))
            with patch.dict(os.environ, environ, clear=True):
                theirs = of_sdk(case)
                ours = of_us(case, Path(folder))
        same = agree(case, theirs)
        differ += not same
        print(f"{number:3} {case.name}: {shown(ours)}")
        if not same:
            print(f"      SDK: {shown(theirs)}\n      because {case.why}")
    print(f"{len(CASES)} cases, {differ} of them differ")


def shown(said: tuple[str, str] | str) -> str:
    """Return host and kind, or an error's beginning."""
    if isinstance(said, tuple):
        return f"{said[0]}, {said[1] or 'what the SDK finds'}"
    return f"error: {said.splitlines()[0][:90]}"


if __name__ == "__main__":
    main()
