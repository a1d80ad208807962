"""The Files API on volumes: paged directories, raw bytes up and down."""

from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate

from asyncdbx.simulator.call import Call, Json, Refusal, Reply, missing, taken
from asyncdbx.simulator.paging import Pages
from asyncdbx.simulator.router import route
from asyncdbx.simulator.services.unity import UnityCatalog
from asyncdbx.simulator.words import BEYOND_DOUBLE, STRANGE_FILES, past
from asyncdbx.simulator.world import Row, Service, World, rows

_PAGES = Pages("contents", default=1000, maximum=1000)
_FILE = "/api/2.0/fs/files{path*}"
_DIRECTORY = "/api/2.0/fs/directories{path*}"


class Files(Service):
    """The files in the volumes of one workspace.

    Attributes:
        children: Of every directory, by name.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.children: dict[str, dict[str, Json]] = {}
        self._contents: dict[str, bytes] = {}
        for found in world.state(UnityCatalog).volumes.values():
            for name in found:
                self._seed("/Volumes/" + name.replace(".", "/"))

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every file and directory of every volume, with its directory as the parent."""
        return {"volume_files": self._rows}

    def _rows(self) -> list[Row]:
        listed = ((parent, child.values()) for parent, child in self.children.items())
        return [row for parent, records in listed for row in rows(records, parent)]

    def _seed(self, volume: str) -> None:
        self.children[volume] = {}
        folders = [volume]
        for number in range(self.random.randrange(4)):
            folders.append(self._put(self.random.choice(folders), f"tag={number} ü", None))
        for folder in folders:
            for number in range(self.random.randrange(6)):
                strange = STRANGE_FILES[number % len(STRANGE_FILES)]
                name = strange if number == 4 else f"part-{number}.json"
                size = self.random.getrandbits(30) + (BEYOND_DOUBLE if number == 2 else 0)
                self._put(folder, name, size)

    def _put(self, folder: str, name: str, size: int | None) -> str:
        """Put a file, or a directory if it has no size; return its path."""
        path = f"{folder}/{name}"
        entry: Json = {"path": path, "is_directory": size is None, "name": name}
        if size is None:
            self.children.setdefault(path, {})
        else:
            entry |= {"file_size": size, "last_modified": past(self.random)}
        self.children[folder][name] = entry
        return path

    def below(self, folder: str) -> Iterator[Json]:
        """Yield everything in a directory, at any depth."""
        for entry in self.children[folder].values():
            yield entry
            if entry["is_directory"]:
                yield from self.below(entry["path"])

    @route("GET", _DIRECTORY)
    def list_directory(self, call: Call) -> Json:
        """Page through one level; only a missing token ends it."""
        return _PAGES.cut(call, [*self._folder(_path(call)).values()])

    @route("HEAD", _DIRECTORY)
    def directory_metadata(self, call: Call) -> Reply:
        """Tell whether there is such a directory."""
        self._folder(_path(call))
        return Reply()

    @route("PUT", _DIRECTORY)
    def create_directory(self, call: Call) -> Reply:
        """Make a directory and its parents, inside a volume."""
        self._make(_path(call))
        return Reply(status=204)

    @route("DELETE", _DIRECTORY)
    def delete_directory(self, call: Call) -> Reply:
        """Delete an empty directory."""
        path = _path(call)
        if self._folder(path):
            raise Refusal(400, "DIRECTORY_NOT_EMPTY", f"The directory {path} is not empty.")
        folder, _, name = path.rpartition("/")
        del self.children[path]
        self.children.get(folder, {}).pop(name, None)
        return Reply(status=204)

    @route("HEAD", _FILE)
    def metadata(self, call: Call) -> Reply:
        """Return size and time of a file, as headers."""
        return Reply(
            content_type="application/octet-stream", headers=_headers(self._file(call))
        )

    @route("GET", _FILE)
    def download(self, call: Call) -> Reply:
        """Return the bytes; of what was seeded, as many zeros, but at most a megabyte."""
        entry = self._file(call)
        content = self._contents.get(entry["path"], bytes(min(entry["file_size"], 1 << 20)))
        return Reply(content, content_type="application/octet-stream")

    @route("PUT", _FILE)
    def upload(self, call: Call) -> Reply:
        """Write a file; over an old one unless told otherwise."""
        path = _path(call)
        folder, _, name = path.rpartition("/")
        there = name in self.children.get(folder, {})
        if there and call.query.get("overwrite", "true").lower() != "true":
            raise taken(f"The file {path} already exists.")
        self._make(folder)
        self._put(folder, name, len(call.body))
        self._contents[path] = call.body
        return Reply(status=204)

    @route("DELETE", _FILE)
    def delete(self, call: Call) -> Reply:
        """Delete a file; a second time it does not exist."""
        entry = self._file(call)
        folder, _, name = entry["path"].rpartition("/")
        del self.children[folder][name]
        self._contents.pop(entry["path"], None)
        return Reply(status=204)

    def _make(self, path: str) -> None:
        if path in self.children:
            return
        folder, _, name = path.rpartition("/")
        if path.count("/") <= 4:
            raise missing(f"The volume of {path} does not exist.")
        self._make(folder)
        self._put(folder, name, None)

    def _folder(self, path: str) -> dict[str, Json]:
        if path not in self.children:
            raise missing(f"The directory {path} does not exist.")
        return self.children[path]

    def _file(self, call: Call) -> Json:
        folder, _, name = _path(call).rpartition("/")
        entry = self.children.get(folder, {}).get(name)
        if entry is None or entry["is_directory"]:
            raise missing(f"The file {folder}/{name} does not exist.")
        return entry


def _path(call: Call) -> str:
    return call.args["path"].rstrip("/")


def _headers(entry: Json) -> dict[str, str]:
    return {
        "Content-Length": str(entry["file_size"]),
        "Last-Modified": formatdate(entry["last_modified"] / 1000, usegmt=True),
    }
