"""Git folders and Git credentials."""

from collections.abc import Callable, Mapping
from typing import Any

from asyncdbx.simulator.call import Call, Json, taken
from asyncdbx.simulator.paging import Pages
from asyncdbx.simulator.router import route
from asyncdbx.simulator.services.tree import Tree
from asyncdbx.simulator.words import email, hexadecimal
from asyncdbx.simulator.world import Row, Service, World, by, known, rows

# The request's token is called like the answer's: only here.
_PAGES = Pages("repos", size="", default=20, token="next_page_token")  # noqa: S106 - a name


class Repos(Service):
    """The Git folders of one workspace, by id."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._tree = world.state(Tree)
        folders = enumerate(self._tree.repos())
        self.records = by("id", (self._repo(folder, number) for number, folder in folders))

    def _repo(self, folder: Json, number: int) -> Json:
        repo: Json = {
            "id": folder["object_id"],
            "path": folder["path"],
            "url": f"https://git.example.com/team/repo-{number}.git",
            "provider": "gitHub",
            "branch": "main",
            "head_commit_id": hexadecimal(self.random, 40),
        }
        return repo | (
            {"sparse_checkout": {"patterns": ["src/*"]}} if number % 5 == 0 else {}
        )

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every Git folder, and the caller's Git credentials."""
        return {
            "repos": lambda: rows(self.records.values()),
            "git_credentials": lambda: rows(_CREDENTIALS),
        }

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every Git folder has permissions."""
        return {"repos": self.records}

    @route("GET", "/api/2.0/repos")
    def list_all(self, call: Call) -> Json:
        """Page through Git folders, 20 at a time."""
        prefix = call.text("path_prefix", "")
        return _PAGES.cut(
            call, [r for r in self.records.values() if r["path"].startswith(prefix)]
        )

    @route("GET", "/api/2.0/repos/{repo_id}")
    def get(self, call: Call) -> Json:
        """Return one."""
        return self._known(call)

    @route("POST", "/api/2.0/repos")
    def create(self, call: Call) -> Json:
        """Clone; the path must be free."""
        call.require("url", "provider")
        path = call.text("path", f"/Repos/{email(0)}/clone-{len(self.records)}")
        if path in self._tree.objects:
            raise taken(f"The folder {path} already exists.")
        self._tree.add(path.rpartition("/")[0], "DIRECTORY")
        folder = self._tree.objects[self._tree.add(path, "REPO")]
        repo = self._repo(folder, 1) | call.json() | {"path": path}
        self.records[str(repo["id"])] = repo
        return repo

    @route("PATCH", "/api/2.0/repos/{repo_id}")
    def update(self, call: Call) -> Json:
        """Check out a branch or a tag."""
        repo = self._known(call)
        if "tag" in call.json():
            repo.pop("branch", None)
        for key in ("branch", "sparse_checkout"):
            if key in call.json():
                repo[key] = call.json()[key]
        repo["head_commit_id"] = hexadecimal(self.random, 40)
        return {}

    @route("DELETE", "/api/2.0/repos/{repo_id}")
    def delete(self, call: Call) -> Json:
        """Delete with its content; a second time it does not exist."""
        repo = self._known(call)
        del self.records[str(repo["id"])]
        self._tree.remove(repo["path"])
        return {}

    @route("GET", "/api/2.0/git-credentials")
    def credentials(self, call: Call) -> Json:
        """List the caller's own Git credentials."""
        return {"credentials": _CREDENTIALS}

    def _known(self, call: Call) -> Json:
        return known(self.records, call.args["repo_id"], "Repo")


_CREDENTIALS: list[Json] = [
    {"credential_id": 93488329053511, "git_provider": "gitHub", "git_username": "ada"}
]
