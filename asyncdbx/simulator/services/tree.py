"""The workspace tree: notebooks, directories, files, libraries, dashboards, repos."""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from asyncdbx.simulator.call import Call, Json, Refusal, Reply, invalid, missing, taken
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import (
    STRANGE,
    STRANGE_FILES,
    TOPICS,
    digits,
    email,
    past,
    pick,
)
from asyncdbx.simulator.world import Row, Service, World, rows

_LARGEST_IMPORT = 10 * 1024**2  # bytes
_LANGUAGES = ("PYTHON", "SQL", "SCALA", "R")
_KINDS = ("NOTEBOOK", "FILE", "LIBRARY", "DASHBOARD")
_FOLDERS = ("DIRECTORY", "REPO")
_PERMISSION_TYPES = {"NOTEBOOK": "notebooks", "DIRECTORY": "directories", "FILE": "files"}


class Tree(Service):
    """The workspace tree.

    Attributes:
        objects: Every object but the root, by path.
        repos: The Git folders among them, by path.
        children: Of every directory and Git folder, by path.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.objects: dict[str, Json] = {}
        self.children: dict[str, dict[str, Json]] = {"/": {}}
        self._permitted: dict[str, dict[str, Json]] = {
            kind: {} for kind in _PERMISSION_TYPES.values()
        }
        self._contents: dict[str, str] = {}
        self._seed()

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every object below the root, in Git folders too, with its folder as parent."""
        return {"workspace_objects": self._rows}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Notebooks, directories and files have permissions, by object id."""
        return self._permitted

    def repos(self) -> list[Json]:
        """Return the Git folders."""
        return [found for found in self.objects.values() if found["object_type"] == "REPO"]

    def _rows(self) -> list[Row]:
        listed = ((parent, found.values()) for parent, found in self.children.items())
        return [row for parent, records in listed for row in rows(records, parent)]

    def _seed(self) -> None:
        for top in ("/Users", "/Shared", "/Repos"):
            self.add(top, "DIRECTORY")
        people = [f"/Users/{email(number)}" for number in range(self.world.count(40, 2))]
        folders = ["/Shared", *(self.add(path, "DIRECTORY") for path in people)]
        for number in range(self.world.count(140, 4)):
            folder = f"{self.random.choice(folders)}/{_folder_name(number)}"
            folders.append(self.add(folder, "DIRECTORY"))
        folders += [self._seed_repo(number) for number in range(self.world.count(40, 2))]
        for number in range(self.world.count(950, 12)):
            self._seed_object(self.random.choice(folders), number)

    def _seed_repo(self, number: int) -> str:
        owner = self.add(f"/Repos/{email(number % 20)}", "DIRECTORY")
        return self.add(f"{owner}/{TOPICS[number % len(TOPICS)]}-{number}", "REPO")

    def _seed_object(self, folder: str, number: int) -> None:
        kind = pick(self.random, _KINDS, 70, 24, 3, 3)
        if number % 30 == 11:
            name = self.random.choice((*STRANGE, *STRANGE_FILES))
        else:
            name = f"{TOPICS[number % len(TOPICS)]}_{number}"
        self.add(f"{folder}/{name.replace('/', '_')}", kind)

    def add(self, path: str, kind: str, **fields: Any) -> str:
        """Put an object into its existing folder, unless one is there; return the path."""
        if path in self.objects:
            return path
        moment = past(self.random)
        made: Json = {
            "object_type": kind,
            "path": path,
            "object_id": digits(self.random, 16),
            "created_at": moment,
            "modified_at": moment,
        }
        made |= _typical(kind, self.random.randrange(1, 1 << 20)) | fields
        self.objects[path] = self.children[_parent(path)][path] = made
        if kind in _FOLDERS:
            self.children[path] = {}
        if kind in _PERMISSION_TYPES:
            self._permitted[_PERMISSION_TYPES[kind]][str(made["object_id"])] = made
        return path

    @route("GET", "/api/2.0/workspace/list")
    def list_all(self, call: Call) -> Json:
        """List one level; anything but a folder lists itself."""
        path = _clean(call.text("path"))
        if path not in self.children:
            return {"objects": [self._known(path)]}
        since = call.integer("notebooks_modified_after") or 0
        found = [
            child
            for child in self.children[path].values()
            if child["object_type"] != "NOTEBOOK" or child["modified_at"] >= since
        ]
        return {"objects": found} if found else {}

    @route("GET", "/api/2.0/workspace/get-status")
    def get_status(self, call: Call) -> Json:
        """Return one object."""
        path = _clean(call.text("path"))
        return _ROOT if path == "/" else self._known(path)

    @route("GET", "/api/2.0/workspace/export")
    def export(self, call: Call) -> Json | Reply:
        """Return the content of a notebook or file."""
        found = self._known(_clean(call.text("path")))
        content = self._contents.get(found["path"], _source(found))
        if call.flag("direct_download"):
            return Reply(base64.b64decode(content), content_type="text/plain")
        return {"content": content, "file_type": found.get("language", "FILE").lower()}

    @route("POST", "/api/2.0/workspace/import")
    def import_(self, call: Call) -> Json:
        """Write a notebook or file into an existing folder."""
        path, content = _clean(call.text("path")), call.text("content", "")
        if len(content) * 3 // 4 > _LARGEST_IMPORT:
            raise Refusal(
                400, "MAX_NOTEBOOK_SIZE_EXCEEDED", "At most 10 MB can be imported."
            )
        if path in self.children or (path in self.objects and not call.flag("overwrite")):
            raise taken(f"Path ({path}) already exists.")
        if _parent(path) not in self.children:
            raise missing(f"The parent folder ({_parent(path)}) does not exist.")
        language = call.text("language", "PYTHON")
        kind = "FILE" if call.text("format", "SOURCE") in ("RAW", "AUTO") else "NOTEBOOK"
        self.add(path, kind, **({"language": language} if kind == "NOTEBOOK" else {}))
        self.objects[path]["modified_at"] = int(call.now * 1000)
        self._contents[path] = content
        return {}

    @route("POST", "/api/2.0/workspace/mkdirs")
    def mkdirs(self, call: Call) -> Json:
        """Make a directory and its parents."""
        steps = _clean(call.text("path")).strip("/").split("/")
        for depth in range(len(steps)):
            path = "/" + "/".join(steps[: depth + 1])
            if path in self.objects and path not in self.children:
                raise taken(f"Path ({path}) already exists and is no directory.")
            self.add(path, "DIRECTORY")
        return {}

    @route("POST", "/api/2.0/workspace/delete")
    def delete(self, call: Call) -> Json:
        """Delete; a full directory wants ``recursive``."""
        path = _clean(call.text("path"))
        self._known(path)
        if self.children.get(path) and not call.flag("recursive"):
            raise Refusal(400, "DIRECTORY_NOT_EMPTY", f"Folder ({path}) is not empty.")
        self.remove(path)
        return {}

    def remove(self, path: str) -> None:
        """Forget an object and everything below it."""
        for gone in list(self._below(path)):
            found = self.objects.pop(gone)
            del self.children[_parent(gone)][gone]
            self.children.pop(gone, None)
            kind = _PERMISSION_TYPES.get(found["object_type"])
            if kind is not None:
                del self._permitted[kind][str(found["object_id"])]

    def _below(self, path: str) -> Iterator[str]:
        for child in list(self.children.get(path, ())):
            yield from self._below(child)
        yield path

    def _known(self, path: str) -> Json:
        if path not in self.objects:
            raise missing(f"Path ({path}) doesn't exist.")
        return self.objects[path]


_ROOT: Json = {"object_type": "DIRECTORY", "path": "/", "object_id": 0}


def _typical(kind: str, number: int) -> Json:
    if kind == "NOTEBOOK":
        return {"language": _LANGUAGES[number % 4], "resource_id": str(number)}
    return {"size": number} if kind == "FILE" else {}


def _source(found: Json) -> str:
    return base64.b64encode(f"# {found['path']}\n".encode()).decode()


def _folder_name(number: int) -> str:
    return (
        f"Ordner & Co #{number}" if number % 20 == 9 else f"{TOPICS[number % 16]}-{number}"
    )


def _clean(path: str) -> str:
    plain = path.removeprefix("/Workspace") or "/"
    if not plain.startswith("/"):
        raise invalid(f"Path ({path}) doesn't start with '/'")
    return plain.rstrip("/") or "/"


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"
