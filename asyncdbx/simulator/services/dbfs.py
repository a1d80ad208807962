"""DBFS: one level per call, unpaged; files with 64-bit sizes and every kind of name."""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping

from asyncdbx.simulator.call import Call, Json, Refusal, Reply, invalid, missing, taken
from asyncdbx.simulator.generated import GeneratedTree
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import BEYOND_DOUBLE, STRANGE_FILES, TOPICS, past
from asyncdbx.simulator.world import Row, Service, World, rows

_LARGEST_BLOCK = 1 << 20  # bytes
_MOST_AT_ONCE = 10_000  # generated files; the answer of more is made while it is sent
_TOPS = ("FileStore", "databricks-results", "mnt", "tmp", "user")


class Dbfs(Service):
    """The DBFS tree of one workspace, and the generated ones that hang at its root.

    Attributes:
        entries: Every entry but the root, by path.
        children: Of every directory, by name.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.entries: dict[str, Json] = {}
        self.children: dict[str, dict[str, Json]] = {"/": {}}
        self._contents: dict[str, bytearray] = {}
        self._handles: dict[int, str] = {}
        self._seed(world.count(600, 8))

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every file and directory below the root, with its directory as the parent.

        Nothing of what is generated: ``GeneratedTree.summary`` says that in short.
        """
        return {"dbfs": self._rows}

    def _rows(self) -> list[Row]:
        listed = ((parent, child.values()) for parent, child in self.children.items())
        return [row for parent, records in listed for row in rows(records, parent)]

    def _seed(self, directories: int) -> None:
        """Make a tree: wide at the top, with one path 30 deep and one large directory."""
        paths = [self._directory("/", name) for name in _TOPS[: max(1, directories // 4)]]
        deep = paths[0]
        for number in range(directories - len(paths)):
            parent = (
                deep if number < min(30, directories // 3) else self.random.choice(paths)
            )
            name = _directory_name(number)
            paths.append(self._directory(parent, name))
            deep = paths[-1] if number < 30 else deep
        for path in paths:
            for number in range(self.random.randrange(0, 11)):
                self._file(path, number)
        for number in range(self.world.count(1500, 5)):
            self._file(paths[-1], number + 100)

    def _directory(self, parent: str, name: str) -> str:
        path = _join(parent, name)
        if path not in self.children:
            self._put(path, self._entry(path, is_dir=True))
            self.children[path] = {}
        return path

    def _file(self, parent: str, number: int) -> None:
        strange = number < 11 and self.random.random() < 0.08
        name = (
            self.random.choice(STRANGE_FILES) if strange else f"part-{number:05d}.parquet"
        )
        path = _join(parent, name)
        if path not in self.entries:
            size = self.random.getrandbits(self.random.choice((10, 20, 30, 40)))
            large = size + BEYOND_DOUBLE if number % 97 == 3 else size
            self._put(path, self._entry(path, large))

    def _entry(self, path: str, size: int = 0, *, is_dir: bool = False) -> Json:
        moment = 0 if is_dir else past(self.random)
        return {
            "path": path,
            "is_dir": is_dir,
            "file_size": size,
            "modification_time": moment,
        }

    def _put(self, path: str, entry: Json) -> None:
        parent, name = _split(path)
        self.entries[path] = self.children[parent][name] = entry

    # reading

    @route("GET", "/api/2.0/dbfs/list")
    def list_all(self, call: Call) -> Json | Reply:
        """List one level; a file lists itself, an empty directory is ``{}``."""
        path = _path(call)
        tree = self._tree(path)
        if tree is not None:
            return _generated(tree, path)
        if path not in self.children:
            return {"files": [self._known(path)]}
        files = [*self.children[path].values()]
        if path == "/":
            files += [tree.entry(tree.root).record() for tree in self.world.trees]
        return {"files": files} if files else {}

    @route("GET", "/api/2.0/dbfs/get-status")
    def get_status(self, call: Call) -> Json:
        """Return one entry."""
        path = _path(call)
        return self._entry("/", is_dir=True) if path == "/" else self._known(path)

    @route("GET", "/api/2.0/dbfs/read")
    def read(self, call: Call) -> Json:
        """Return up to 1 MB of a file; what was seeded reads as zeros."""
        path = _path(call)
        entry = self._known(path)
        if entry["is_dir"]:
            raise invalid(f"Cannot read a directory: {path}")
        offset, length = call.integer("offset", 0) or 0, call.integer("length", 524288) or 0
        if length > _LARGEST_BLOCK:
            raise Refusal(
                400, "MAX_READ_SIZE_EXCEEDED", "At most 1 MB can be read at once."
            )
        count = max(0, min(length, entry["file_size"] - offset))
        content = self._contents.get(path)
        data = bytes(count) if content is None else bytes(content[offset : offset + count])
        return {"bytes_read": count, "data": base64.b64encode(data).decode()}

    # writing

    @route("POST", "/api/2.0/dbfs/mkdirs")
    def mkdirs(self, call: Call) -> Json:
        """Make a directory and its parents."""
        self._make(self._writable(_path(call)))
        return {}

    @route("POST", "/api/2.0/dbfs/put")
    def put(self, call: Call) -> Json:
        """Write a whole file."""
        self._create(call)
        self._append(_path(call), call.text("contents", ""))
        return {}

    @route("POST", "/api/2.0/dbfs/create")
    def create(self, call: Call) -> Json:
        """Open a file for writing and return its handle."""
        self._create(call)
        handle = self.random.getrandbits(62)
        self._handles[handle] = _path(call)
        return {"handle": handle}

    @route("POST", "/api/2.0/dbfs/add-block")
    def add_block(self, call: Call) -> Json:
        """Append; sent twice, it is there twice."""
        self._append(self._opened(call), call.text("data"))
        return {}

    @route("POST", "/api/2.0/dbfs/close")
    def close(self, call: Call) -> Json:
        """Close a handle."""
        self._opened(call)
        del self._handles[int(call.text("handle"))]
        return {}

    @route("POST", "/api/2.0/dbfs/delete")
    def delete(self, call: Call) -> Json:
        """Delete; what is not there is fine, a full directory wants ``recursive``."""
        path = self._writable(_path(call))
        if path not in self.entries:
            return {}
        if self.children.get(path) and not call.flag("recursive"):
            raise Refusal(400, "IO_ERROR", f"The directory {path} is not empty.")
        for gone in list(self._below(path)):
            self._remove(gone)
        return {}

    @route("POST", "/api/2.0/dbfs/move")
    def move(self, call: Call) -> Json:
        """Move a file or a directory; nothing is overwritten."""
        source = self._writable(_clean(call.text("source_path")))
        target = self._writable(_clean(call.text("destination_path")))
        self._known(source)
        if target in self.children:
            target = _join(target, _split(source)[1])
        if target in self.entries:
            raise taken(f"A file or directory already exists at {target}.")
        if _split(target)[0] not in self.children or target.startswith(f"{source}/"):
            raise missing(f"No directory exists for {target}.")
        inside = list(self._below(source))
        for old in reversed(inside):
            self._copy(old, target + old.removeprefix(source))
        for old in inside:
            self._remove(old)
        return {}

    def _tree(self, path: str) -> GeneratedTree | None:
        """Return the generated tree that a path leads into, if any does."""
        for tree in self.world.trees:
            if tree.holds(path):
                return tree
        return None

    def _writable(self, path: str) -> str:
        """Return a path, unless it leads to what is generated and so cannot be changed."""
        if self._tree(path) is not None:
            raise Refusal(403, "PERMISSION_DENIED", f"{path} is read-only.")
        return path

    def _known(self, path: str) -> Json:
        tree = self._tree(path)
        if tree is not None:
            return tree.entry(path).record()
        if path not in self.entries:
            raise missing(f"No file or directory exists on path {path}.")
        return self.entries[path]

    def _make(self, path: str) -> None:
        steps = path.strip("/").split("/") if path != "/" else []
        for depth in range(len(steps)):
            step = "/" + "/".join(steps[: depth + 1])
            if step in self.entries and step not in self.children:
                raise taken(f"A file already exists at {step}.")
            self._directory(_split(step)[0], steps[depth])

    def _create(self, call: Call) -> None:
        path = self._writable(_path(call))
        if path in self.children or (path in self.entries and not call.flag("overwrite")):
            raise taken(f"A file or directory already exists at {path}.")
        self._make(_split(path)[0])
        self._put(
            path, self._entry(path) | {"modification_time": self.world.milliseconds()}
        )
        self._contents[path] = bytearray()

    def _append(self, path: str, data: str) -> None:
        try:
            block = base64.b64decode(data, validate=True)
        except binascii.Error:
            raise invalid("The data is not valid base64.") from None
        if len(block) > _LARGEST_BLOCK:
            raise Refusal(
                400, "MAX_BLOCK_SIZE_EXCEEDED", "At most 1 MB can be written at once."
            )
        self._contents[path] += block
        self.entries[path]["file_size"] = len(self._contents[path])

    def _opened(self, call: Call) -> str:
        handle = call.integer("handle") or 0
        if handle not in self._handles:
            raise missing(f"No open handle {handle}.")
        return self._handles[handle]

    def _below(self, path: str) -> Iterator[str]:
        """Yield ``path`` and what is in it, children first."""
        for name in list(self.children.get(path, ())):
            yield from self._below(_join(path, name))
        yield path

    def _remove(self, path: str) -> None:
        parent, name = _split(path)
        del self.children[parent][name], self.entries[path]
        self.children.pop(path, None)
        self._contents.pop(path, None)

    def _copy(self, old: str, new: str) -> None:
        self._put(new, self.entries[old] | {"path": new})
        if old in self.children:
            self.children[new] = {}
        if old in self._contents:
            self._contents[new] = self._contents[old]


def _generated(tree: GeneratedTree, path: str) -> Json | Reply:
    directory = tree.directory(path)
    if directory is None:
        return {"files": [tree.entry(path).record()]}
    pieces = _listing(tree.lines(directory, path))
    if tree.files > _MOST_AT_ONCE:
        return Reply(pieces=pieces)
    return Reply(b"".join(pieces))


def _listing(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield an answer, given its entries with commas between them, in some pieces."""
    before = b'{"files":['
    for piece in lines:
        yield before + piece
        before = b","
    yield b"]}" if before == b"," else b"{}"


def _directory_name(number: int) -> str:
    if number % 25 == 24:
        return f"ordner {number} #ü%"
    return f"{TOPICS[number % len(TOPICS)]}_{number}"


def _path(call: Call) -> str:
    return _clean(call.text("path"))


def _clean(path: str) -> str:
    """Return an absolute path without scheme and closing slash."""
    plain = path.removeprefix("dbfs:")
    if not plain.startswith("/"):
        raise invalid(f"Path must be absolute: {path}")
    return plain.rstrip("/") or "/"


def _join(parent: str, name: str) -> str:
    return f"{parent.rstrip('/')}/{name}"


def _split(path: str) -> tuple[str, str]:
    parent, _, name = path.rpartition("/")
    return parent or "/", name
