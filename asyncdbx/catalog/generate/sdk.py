"""Where an SDK lies and which API class hangs on which attribute of its clients."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CLIENTS = {"WorkspaceClient": "workspace", "AccountClient": "account"}


def locate(folder: Path | None = None) -> Path:
    """Return the folder ``databricks/sdk`` under ``folder``, or of the installed package.

    Raises:
        FileNotFoundError: There is no SDK.
    """
    if folder is None:
        found = importlib.util.find_spec("databricks")
        places = [Path(p) for p in (found and found.submodule_search_locations) or ()]
    else:
        places = [folder / "databricks"]
    for place in places:
        if (place / "sdk" / "version.py").is_file():
            return place / "sdk"
    where = f"under {folder}" if folder else "installed"
    raise FileNotFoundError(
        f"no databricks-sdk {where}: pip install 'databricks-sdk>=0.150'"
    )


@dataclass(frozen=True)
class Service:
    """An API class and how users reach it.

    Attributes:
        scope: ``"workspace"`` or ``"account"``.
        name: The attribute on the client: ``"clusters"``, ``"settings.default_namespace"``.
        module: The module under ``databricks.sdk.service``.
        api: The class.
    """

    scope: str
    name: str
    module: str
    api: ast.ClassDef


@dataclass(frozen=True)
class Sdk:
    """The parsed source of one SDK.

    Attributes:
        version: E.g. ``"0.162.0"``.
        classes: Module name under ``service`` → class name → its source.
        services: Every API class that users can reach, in alphabetical order.
    """

    version: str
    classes: dict[str, dict[str, ast.ClassDef]]
    services: list[Service]

    @classmethod
    def read(cls, folder: Path) -> "Sdk":
        """Parse the SDK in ``folder`` (about 2 s for 7 MB of source).

        Raises:
            ValueError: The source does not look like a databricks-sdk since 0.150.
        """
        classes = {
            path.stem: _classes(path)
            for path in sorted((folder / "service").glob("*.py"))
            if not path.stem.startswith("_")
        }
        bases = _extended(folder / "mixins")
        services = list(_services(folder / "__init__.py", classes, bases))
        services.sort(key=lambda service: (service.scope, service.name))
        return cls(_version(folder / "version.py"), classes, services)


def _version(path: Path) -> str:
    found = re.search(r'__version__ = "([^"]+)"', path.read_text("utf-8"))
    if not found:
        raise ValueError(f"{path} holds no __version__")
    return found[1]


def _classes(path: Path) -> dict[str, ast.ClassDef]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _extended(folder: Path) -> dict[str, str]:
    """Return the API class under each ``…Ext`` class: those add helpers, no requests."""
    return {
        node.name: ast.unparse(node.bases[0])
        for path in sorted(folder.glob("*.py"))
        for node in _classes(path).values()
        if node.bases and node.name.endswith("Ext")
    }


def _services(
    client: Path, classes: dict[str, dict[str, ast.ClassDef]], bases: dict[str, str]
) -> Iterator[Service]:
    apis = [
        (module, name)
        for module, nodes in classes.items()
        for name in nodes
        if name.endswith("API")
    ]
    reached: set[tuple[str, str]] = set()

    def walk(scope: str, path: str, owner: ast.ClassDef) -> Iterator[Service]:
        for attribute, kind in _properties(owner):
            found = _resolve(bases.get(kind, kind), apis)
            if found:
                reached.add(found)
                module, name = found
                api = classes[module][name]
                yield Service(scope, path + attribute, module, api)
                yield from walk(scope, f"{path}{attribute}.", api)

    clients = _classes(client)
    for client_name, scope in CLIENTS.items():
        if client_name not in clients:
            raise ValueError(f"{client} holds no {client_name}")
        yield from walk(scope, "", clients[client_name])
    # bundle.BundleAPI hangs on no client, yet is public
    for module, name in sorted(set(apis) - reached):
        attribute = _snake(name.removesuffix("API"))
        yield Service("workspace", attribute, module, classes[module][name])


def _resolve(kind: str, apis: list[tuple[str, str]]) -> tuple[str, str] | None:
    """Return module and name of ``pkg_catalog.CredentialsAPI`` or of a bare class name."""
    package, _, name = kind.rpartition(".")
    module = package.removeprefix("pkg_")
    return next(
        (api for api in apis if api[1] == name and module in {"", api[0]}),
        None,
    )


def _properties(owner: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for node in owner.body:
        if (
            isinstance(node, ast.FunctionDef)
            and node.returns
            and [ast.unparse(decorator) for decorator in node.decorator_list]
            == ["property"]
        ):
            yield node.name, ast.unparse(node.returns)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
