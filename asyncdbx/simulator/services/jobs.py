"""Jobs: definitions, with inner arrays that are paged in version 2.2."""

from collections.abc import Callable, Mapping
from typing import Any

from asyncdbx.simulator.call import Call, Json, invalid
from asyncdbx.simulator.paging import Pages
from asyncdbx.simulator.router import route
from asyncdbx.simulator.services.inner_pages import cut, first_page, overflows
from asyncdbx.simulator.services.job_seed import job
from asyncdbx.simulator.words import digits
from asyncdbx.simulator.world import Row, Service, World, rows

ARRAYS = ("tasks", "job_clusters", "parameters", "environments")
_KEYS = {"tasks": "task_key", "job_clusters": "job_cluster_key", "parameters": "name"}
_PAGES = Pages("jobs", "limit", 20, 100, over="error", zero="error")
_OLD_PAGES = Pages("jobs", "limit", 20, 25, over="error", zero="error")
_EXPANDED_ONLY = ("tasks", "job_clusters", "environments", "parameters")


def paths(action: str) -> tuple[str, str]:
    """Return an action under the current version and the one that still works."""
    return f"/api/2.2/jobs/{action}", f"/api/2.1/jobs/{action}"


class Jobs(Service):
    """The jobs of one workspace, by id as text."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        seeded = (job(self.random, number) for number in range(world.count(400, 8)))
        self.records: dict[str, Json] = {str(record["job_id"]): record for record in seeded}

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every job whole: jobs/get with all its inner pages put together."""
        return {"jobs": lambda: rows(self.records.values())}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every job has permissions."""
        return {"jobs": self.records}

    @route("GET", *paths("list"))
    def list_all(self, call: Call) -> Json:
        """Page through jobs; expanded, each shows the first 100 of its arrays."""
        old = "/2.1/" in call.path
        name = call.text("name", "").casefold()
        found = [
            record
            for record in self.records.values()
            if not name or record["settings"]["name"].casefold() == name
        ]
        page = (_OLD_PAGES if old else _PAGES).cut(call, found)
        show = _whole if old else _first if call.flag("expand_tasks") else _bare
        if "jobs" in page:
            page["jobs"] = [show(record) for record in page["jobs"]]
        if page.get("next_page_token"):
            page["has_more"] = True
        return page

    @route("GET", "/api/2.2/jobs/get")
    def get(self, call: Call) -> Json:
        """Return one page of a job; an unknown id is a 400."""
        record = self.known(call)
        settings, token = cut(call, record["settings"], ARRAYS)
        answer = record | {"settings": settings}
        return answer | ({"next_page_token": token, "has_more": True} if token else {})

    @route("GET", "/api/2.1/jobs/get")
    def get_old(self, call: Call) -> Json:
        """Return a whole job, as version 2.1 does."""
        return self.known(call)

    @route("POST", *paths("create"))
    def create(self, call: Call) -> Json:
        """Create a job; names need not be unique."""
        record: Json = {
            "job_id": digits(self.random),
            "creator_user_name": "ada.0000@example.com",
            "created_time": int(call.now * 1000),
            "settings": {"name": "Untitled", **_without_acl(call.json())},
        }
        self.records[str(record["job_id"])] = record
        return {"job_id": record["job_id"]}

    @route("POST", *paths("reset"))
    def reset(self, call: Call) -> Json:
        """Replace the settings."""
        self.known(call)["settings"] = dict(call.json().get("new_settings", {}))
        return {}

    @route("POST", *paths("update"))
    def update(self, call: Call) -> Json:
        """Merge new settings; the arrays by their keys."""
        settings: Json = self.known(call)["settings"]
        for field in call.json().get("fields_to_remove", ()):
            _remove(settings, field)
        for key, value in call.json().get("new_settings", {}).items():
            settings[key] = _merged(settings.get(key, []), value, key)
        return {}

    @route("POST", *paths("delete"))
    def delete(self, call: Call) -> Json:
        """Delete a job; a second time it does not exist."""
        del self.records[str(self.known(call)["job_id"])]
        return {}

    def known(self, call: Call) -> Json:
        """Return the job that a call names.

        Raises:
            Refusal: There is none: a 400, not a 404.
        """
        job_id = call.text("job_id")
        if job_id not in self.records:
            raise invalid(f"Job {job_id} does not exist.")
        return self.records[job_id]


def _whole(record: Json) -> Json:
    return record


def _first(record: Json) -> Json:
    shown = record | {"settings": first_page(record["settings"], ARRAYS)}
    return shown | ({"has_more": True} if overflows(record["settings"], ARRAYS) else {})


def _bare(record: Json) -> Json:
    settings = record["settings"]
    kept = {key: value for key, value in settings.items() if key not in _EXPANDED_ONLY}
    return record | {"settings": kept}


def _without_acl(settings: Json) -> Json:
    return {key: value for key, value in settings.items() if key != "access_control_list"}


def _merged(old: Any, new: Any, name: str) -> Any:
    key = _KEYS.get(name)
    if key is None:
        return new
    return [
        *({item[key]: item for item in old} | {item[key]: item for item in new}).values()
    ]


def _remove(settings: Json, field: str) -> None:
    name, _, key = field.partition("/")
    if not key:
        settings.pop(name, None)
    elif name in settings:
        settings[name] = [item for item in settings[name] if item[_KEYS[name]] != key]
