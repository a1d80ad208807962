"""Job runs: seeded ones that are over, and new ones that live through their states."""

from collections.abc import Callable, Mapping

from asyncdbx.simulator import machines
from asyncdbx.simulator.call import Call, Json, Refusal, invalid
from asyncdbx.simulator.machines import IllegalState, Life
from asyncdbx.simulator.paging import Pages
from asyncdbx.simulator.router import route
from asyncdbx.simulator.services.inner_pages import cut, first_page, overflows
from asyncdbx.simulator.services.job_seed import run, task_run
from asyncdbx.simulator.services.jobs import Jobs, paths
from asyncdbx.simulator.words import digits
from asyncdbx.simulator.world import Row, Service, World, rows

ARRAYS = ("tasks", "iterations", "job_clusters", "job_parameters", "repair_history")
_PAGES = Pages("runs", "limit", 20, 24, over="error", zero="maximum")
_WORK_SECONDS = 120.0


class Runs(Service):
    """The runs of one workspace's jobs.

    What a new run does is said by two job parameters: ``simulate_result`` (SUCCESS by
    default) and ``simulate_seconds`` of work.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        jobs = [*world.state(Jobs).records.values()]
        count = world.count(1500, 30) if jobs else 0
        seeded = (run(self.random, n, self.random.choice(jobs)) for n in range(count))
        self.records: dict[str, Json] = {str(record["run_id"]): record for record in seeded}
        self._newest: list[str] = []
        keys = {job["job_id"]: _task_keys(job["settings"]) for job in jobs}
        self._task_keys = {id_: keys[r["job_id"]] for id_, r in self.records.items()}
        self._lives: dict[str, Life] = {}
        self._results: dict[str, str] = {}
        self._tokens: dict[str, str] = {}

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every run whole: runs/get with all its inner pages put together."""
        return {"job_runs": lambda: rows(map(self._whole, self._current(self.world.now())))}

    def _current(self, now: float) -> list[Json]:
        """Return all runs, newest first, in the states they are in at ``now``."""
        for run_id in list(self._lives):
            self._show(run_id, now)
        new = [self.records[run_id] for run_id in reversed(self._newest)]
        old = (r for run_id, r in self.records.items() if run_id not in self._results)
        return [*new, *old]

    @route("GET", *paths("runs/list"))
    def list_all(self, call: Call) -> Json:
        """Page through runs, newest first."""
        found = [record for record in self._current(call.now) if _wanted(call, record)]
        page = _PAGES.cut(call, found)
        if call.flag("expand_tasks") and "runs" in page:
            page["runs"] = [self._expanded(record) for record in page["runs"]]
        if page.get("next_page_token"):
            page["has_more"] = True
        return page

    @route("GET", *paths("runs/get"))
    def get(self, call: Call) -> Json:
        """Return one page of a run; an unknown id is a 400."""
        record, token = cut(call, self._whole(self._known(call, call.now)), ARRAYS)
        return record | ({"next_page_token": token, "has_more": True} if token else {})

    @route("GET", *paths("runs/get-output"))
    def output(self, call: Call) -> Json:
        """Return what a run gave back."""
        record = self._known(call, call.now)
        return {"metadata": record, "notebook_output": {"result": "ok", "truncated": False}}

    @route("POST", *paths("run-now"))
    def run_now(self, call: Call) -> Json:
        """Start a run; with a token that was used before, return that run."""
        job = self.world.state(Jobs).known(call)
        settings = job["settings"]
        run_id = self._begin(call, settings["name"], job["job_id"], _task_keys(settings))
        return {"run_id": int(run_id), "number_in_job": int(run_id)}

    @route("POST", *paths("runs/submit"))
    def submit(self, call: Call) -> Json:
        """Start a run without a job."""
        name, tasks = call.text("run_name", "Untitled"), _task_keys(call.json())
        return {"run_id": int(self._begin(call, name, digits(self.random), tasks))}

    @route("POST", *paths("runs/cancel"))
    def cancel(self, call: Call) -> Json:
        """Cancel; what is over stays as it is."""
        self._cancel(str(self._known(call, call.now)["run_id"]), call.now)
        return {}

    @route("POST", *paths("runs/cancel-all"))
    def cancel_all(self, call: Call) -> Json:
        """Cancel every active run of a job, or of the workspace."""
        job_id = call.json().get("job_id")
        for run_id in list(self._lives):
            if job_id is None or str(self.records[run_id]["job_id"]) == str(job_id):
                self._cancel(run_id, call.now)
        return {}

    @route("POST", *paths("runs/repair"))
    def repair(self, call: Call) -> Json:
        """Run again what failed; from the second time on it wants the last repair's id."""
        record = self._known(call, call.now)
        run_id = str(record["run_id"])
        history: list[Json] = record.get("repair_history", [])
        if history and call.integer("latest_repair_id") != history[-1]["id"]:
            raise invalid("latest_repair_id must be the id of the latest repair.")
        try:
            life = machines.run_repaired(self._life(run_id), call.now, _WORK_SECONDS)
        except IllegalState:
            raise _wrong_state(f"Run {run_id} is still active.") from None
        repair = {
            "id": digits(self.random),
            "type": "REPAIR",
            "start_time": int(call.now * 1000),
        }
        record["repair_history"] = [*history, repair]
        self._lives[run_id], self._results[run_id] = life, "SUCCESS"
        self._show(run_id, call.now)
        return {"repair_id": repair["id"]}

    @route("POST", *paths("runs/delete"))
    def delete(self, call: Call) -> Json:
        """Delete; an active run is refused."""
        run_id = str(self._known(call, call.now)["run_id"])
        if run_id in self._lives:
            raise _wrong_state(f"Run {run_id} is active and cannot be deleted.")
        del self.records[run_id]
        self._task_keys.pop(run_id, None)
        if self._results.pop(run_id, None) and run_id in self._newest:
            self._newest.remove(run_id)
        return {}

    def _begin(self, call: Call, name: str, job_id: int, tasks: list[str]) -> str:
        token = call.text("idempotency_token", "")
        if len(token) > 64:
            raise invalid("idempotency_token may have at most 64 characters.")
        if token in self._tokens:
            return self._again(self._tokens[token])
        record = _started(digits(self.random), job_id, name, int(call.now * 1000))
        run_id = str(record["run_id"])
        parameters = call.json().get("job_parameters", {})
        work = float(parameters.get("simulate_seconds", _WORK_SECONDS))
        self.records[run_id] = record
        self._newest.append(run_id)
        self._lives[run_id] = machines.run_started(call.now, work)
        self._results[run_id] = parameters.get("simulate_result", "SUCCESS")
        self._task_keys[run_id] = tasks
        if token:
            self._tokens[token] = run_id
        self._show(run_id, call.now)
        return run_id

    def _again(self, run_id: str) -> str:
        if run_id not in self.records:
            raise invalid("The run with this idempotency token was deleted.")
        return run_id

    def _known(self, call: Call, now: float) -> Json:
        run_id = call.text("run_id")
        if run_id not in self.records:
            raise invalid(f"Run {run_id} does not exist.")
        self._show(run_id, now)
        return self.records[run_id]

    def _life(self, run_id: str) -> Life:
        state = self.records[run_id]["state"]["life_cycle_state"]
        return self._lives.get(run_id) or machines.settled(state)

    def _cancel(self, run_id: str, now: float) -> None:
        before = self._life(run_id)
        after = machines.run_cancelled(before, now)
        if after is not before:
            self._lives[run_id], self._results[run_id] = after, "CANCELED"
            self._show(run_id, now)

    def _show(self, run_id: str, now: float) -> None:
        """Bring a run up to ``now``; one that is over is looked at no more."""
        life = self._lives.get(run_id)
        if life is None:
            return
        result = self._results[run_id] if life.settled(now) else None
        _set_state(self.records[run_id], life.state(now), result)
        if result is not None:
            over = life.entered(life.phases[-1].state) or now
            self.records[run_id]["end_time"] = int(over * 1000)
            del self._lives[run_id]

    def _whole(self, record: Json) -> Json:
        return record | {"tasks": self._tasks_of(record)}

    def _expanded(self, record: Json) -> Json:
        whole = self._whole(record)
        shown = first_page(whole, ARRAYS)
        return shown | ({"has_more": True} if overflows(whole, ARRAYS) else {})

    def _tasks_of(self, record: Json) -> list[Json]:
        keys = self._task_keys[str(record["run_id"])]
        return [task_run(record, position, key) for position, key in enumerate(keys)]


def _task_keys(settings: Json) -> list[str]:
    """Return what the tasks were called when a run began; a job may change later."""
    return [task.get("task_key", "") for task in settings.get("tasks", ())]


def _wanted(call: Call, record: Json) -> bool:
    over = record["state"]["life_cycle_state"] in machines.RUN_OVER
    tests = (
        not call.flag("active_only") or not over,
        not call.flag("completed_only") or over,
        call.text("job_id", "") in ("", str(record["job_id"])),
        call.text("run_type", "") in ("", record["run_type"]),
        record["start_time"] >= (call.integer("start_time_from") or 0),
        record["start_time"] <= (call.integer("start_time_to") or record["start_time"]),
    )
    return all(tests)


def _started(run_id: int, job_id: int, name: str, milliseconds: int) -> Json:
    return {
        "job_id": job_id,
        "run_id": run_id,
        "original_attempt_run_id": run_id,
        "run_name": name,
        "creator_user_name": "ada.0000@example.com",
        "start_time": milliseconds,
        "run_type": "JOB_RUN",
        "trigger": "ONE_TIME",
        "format": "MULTI_TASK",
    }


def _set_state(record: Json, state: str, result: str | None) -> None:
    """Say the state in the old form and in the new one."""
    record["state"] = {"life_cycle_state": state, "state_message": ""}
    status: Json = {"state": state}
    if result is not None:
        record["state"]["result_state"] = result
        kind = "SUCCESS" if result == "SUCCESS" else "CLIENT_ERROR"
        status["termination_details"] = {"code": result, "type": kind}
    record["status"] = status


def _wrong_state(message: str) -> Refusal:
    return Refusal(400, "INVALID_STATE", message)
