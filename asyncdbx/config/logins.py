"""The kinds of login, as data: what each needs to know. How one logs in is auth's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from asyncdbx.config.secret import Secret

ALL_APIS = "all-apis"

FederationKind = Literal["env-oidc", "file-oidc", "github-oidc"]


@dataclass(frozen=True, slots=True)
class Pat:
    """A personal access token."""

    token: Secret
    kind: ClassVar[str] = "pat"


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password; switched off on most platforms."""

    username: str
    password: Secret
    kind: ClassVar[str] = "basic"


@dataclass(frozen=True, slots=True)
class OAuth:
    """What may be said about any token of Databricks' own.

    Attributes:
        scopes: What it shall be good for, separated by blanks.
        group_id: A group whose role it takes; empty for none.
        authorization_details: JSON that narrows it down; empty for all.
        discovery_url: Where the token endpoint is found out; empty for the usual place.
    """

    scopes: str = ALL_APIS
    group_id: str = ""
    authorization_details: str = ""
    discovery_url: str = ""


@dataclass(frozen=True, slots=True)
class M2M:
    """OAuth machine-to-machine: a service principal and one of its secrets."""

    client_id: str
    client_secret: Secret
    oauth: OAuth = OAuth()
    kind: ClassVar[str] = "oauth-m2m"


@dataclass(frozen=True, slots=True)
class Federation:
    """Workload identity federation: the token of another issuer for one of Databricks.

    Attributes:
        kind: Where the other token comes from: a variable, a file, GitHub Actions.
        source: Name of the variable or path of the file, read anew each time.
        client_id: The service principal; empty where the account itself federates.
        audience: For whom GitHub shall make it; empty for what the host prefers.
    """

    kind: FederationKind
    source: str = ""
    client_id: str = ""
    audience: str = ""
    oauth: OAuth = OAuth()


@dataclass(frozen=True, slots=True)
class Azure:
    """What Azure's logins have in common.

    Attributes:
        environment: ``PUBLIC``, ``USGOVERNMENT`` or ``CHINA``, where the host does not say.
        resource_id: The workspace's path in Azure. With it the principal need not be a
            user of the workspace, if its role on the resource allows.
    """

    environment: str = ""
    resource_id: str = ""


@dataclass(frozen=True, slots=True)
class AzureClientSecret:
    """A service principal of Microsoft Entra; an empty tenant is asked of the host."""

    client_id: str
    client_secret: Secret
    tenant_id: str = ""
    azure: Azure = Azure()
    kind: ClassVar[str] = "azure-client-secret"


@dataclass(frozen=True, slots=True)
class AzureMsi:
    """The managed identity of the machine; ``client_id`` if it has several."""

    client_id: str = ""
    azure: Azure = Azure()
    kind: ClassVar[str] = "azure-msi"


@dataclass(frozen=True, slots=True)
class Sdk:
    """A login that the official SDK does.

    Attributes:
        kind: Its ``auth_type``; empty if the SDK shall find out.
        settings: All that the profile or the environment says.
        hint: What to do if it does not work.
    """

    kind: str
    settings: Mapping[str, Secret] = field(repr=False, hash=False)
    hint: str = ""


Login = Pat | Basic | M2M | Federation | AzureClientSecret | AzureMsi | Sdk
