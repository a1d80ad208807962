"""MLflow: experiments, and the model registry of the workspace."""

from collections.abc import Callable, Mapping
from typing import Any

from asyncdbx.simulator.call import Call, Json, missing, taken
from asyncdbx.simulator.paging import Pages
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import digits, email, hexadecimal, past, pick, topic
from asyncdbx.simulator.world import Row, Service, World, by, known, rows

_SEARCH = Pages("experiments", "max_results", 200, 3000, over="error")
_LIST = Pages("experiments", "max_results", 1000, 1000, unset="all")
_MODELS = Pages("registered_models", "max_results", 100, 1000)
_VERSIONS = Pages("model_versions", "max_results", 200, 10_000)
_STAGES = {
    "ACTIVE_ONLY": ("active",),
    "DELETED_ONLY": ("deleted",),
    "ALL": ("active", "deleted"),
}


class Experiments(Service):
    """The experiments of one workspace, by id."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        seeded = (self._made(number) for number in range(world.count(100)))
        self.records = by("experiment_id", seeded)

    def _made(self, number: int) -> Json:
        id_, moment = str(digits(self.random)), past(self.random)
        name = f"/Users/{email(number % 30)}/{topic(self.random, number).replace('/', '_')}"
        return {
            "experiment_id": id_,
            "name": name,
            "artifact_location": f"dbfs:/databricks/mlflow-tracking/{id_}",
            "lifecycle_stage": "active",
            "last_update_time": moment,
            "creation_time": moment,
            "tags": [{"key": "mlflow.ownerEmail", "value": email(number % 30)}],
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every active experiment."""
        return {"experiments": lambda: rows(self._in(("active",)))}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every experiment has permissions."""
        return {"experiments": self.records}

    def _in(self, stages: tuple[str, ...]) -> list[Json]:
        return [
            found for found in self.records.values() if found["lifecycle_stage"] in stages
        ]

    @route("POST", "/api/2.0/mlflow/experiments/search")
    def search(self, call: Call) -> Json:
        """Page by a token in the body."""
        return _SEARCH.cut(call, self._in(_STAGES[call.text("view_type", "ACTIVE_ONLY")]))

    @route("GET", "/api/2.0/mlflow/experiments/list")
    def list_all(self, call: Call) -> Json:
        """Page as the older method does: everything unless a size is given."""
        return _LIST.cut(call, self._in(_STAGES[call.text("view_type", "ACTIVE_ONLY")]))

    @route("GET", "/api/2.0/mlflow/experiments/get")
    def get(self, call: Call) -> Json:
        """Return one."""
        return {"experiment": self._known(call)}

    @route("POST", "/api/2.0/mlflow/experiments/create")
    def create(self, call: Call) -> Json:
        """Create; the name must be new."""
        name = call.text("name")
        if any(found["name"] == name for found in self.records.values()):
            raise taken(f"Experiment '{name}' already exists.")
        made = self._made(0) | {"name": name, "tags": call.json().get("tags", [])}
        self.records[made["experiment_id"]] = made
        return {"experiment_id": made["experiment_id"]}

    @route("POST", "/api/2.0/mlflow/experiments/delete")
    def delete(self, call: Call) -> Json:
        """Mark as deleted."""
        self._known(call)["lifecycle_stage"] = "deleted"
        return {}

    @route("POST", "/api/2.0/mlflow/experiments/restore")
    def restore(self, call: Call) -> Json:
        """Take the mark away."""
        self._known(call)["lifecycle_stage"] = "active"
        return {}

    def _known(self, call: Call) -> Json:
        return known(self.records, call.text("experiment_id"), "Experiment")


class ModelRegistry(Service):
    """The workspace's own model registry; permissions want an id that lists do not show."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        models = [self._model(number) for number in range(world.count(40))]
        self.records = by("name", models)
        self._id_of = {name: hexadecimal(self.random, 32) for name in self.records}
        self._ids = {id_: name for name, id_ in self._id_of.items()}
        self.versions = [version for model in models for version in self._versions(model)]

    def _model(self, number: int) -> Json:
        moment = past(self.random)
        return {
            "name": f"{topic(self.random, number)} model",
            "creation_timestamp": moment,
            "last_updated_timestamp": moment,
            "user_id": email(number % 20),
            "description": "Größe & Gewicht" if number % 3 else "",
            "tags": [{"key": "domain", "value": "ü"}],
        }

    def _versions(self, model: Json) -> list[Json]:
        return [
            self._version(model, number + 1) for number in range(self.random.randrange(8))
        ]

    def _version(self, model: Json, number: int) -> Json:
        run_id = hexadecimal(self.random, 32)
        return {
            "name": model["name"],
            "version": str(number),
            "creation_timestamp": model["creation_timestamp"] + number,
            "last_updated_timestamp": model["creation_timestamp"] + number,
            "user_id": model["user_id"],
            "current_stage": pick(self.random, ("None", "Staging", "Production"), 3, 1, 1),
            "source": f"dbfs:/databricks/mlflow-tracking/{run_id}/artifacts/model",
            "run_id": run_id,
            "status": "READY",
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every model as get shows it, and every version with its model as parent."""
        return {
            "registered_models": lambda: rows(map(self._whole, self.records.values())),
            "model_versions": lambda: [
                Row(found["name"], found) for found in self.versions
            ],
        }

    def _whole(self, model: Json) -> Json:
        shown = {
            **model,
            "id": self._id_of[model["name"]],
            "permission_level": "CAN_MANAGE",
        }
        return {"registered_model_databricks": shown}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every model has permissions, by its id."""
        return {"registered-models": self._ids}

    @route("GET", "/api/2.0/mlflow/registered-models/search")
    def search(self, call: Call) -> Json:
        """Page through models."""
        return _MODELS.cut(call, [*self.records.values()])

    @route("GET", "/api/2.0/mlflow/registered-models/list")
    def list_all(self, call: Call) -> Json:
        """Page through models, as the older method does."""
        return _MODELS.cut(call, [*self.records.values()])

    @route("GET", "/api/2.0/mlflow/databricks/registered-models/get")
    def get(self, call: Call) -> Json:
        """Return one model with its id."""
        return self._whole(known(self.records, call.text("name"), "Registered Model"))

    @route("GET", "/api/2.0/mlflow/model-versions/search")
    def search_versions(self, call: Call) -> Json:
        """Page through versions, of one model if ``filter`` says ``name='...'``."""
        wanted = call.text("filter", "").removeprefix("name=").strip("'\"")
        found = [version for version in self.versions if wanted in ("", version["name"])]
        return _VERSIONS.cut(call, found)

    @route("GET", "/api/2.0/mlflow/transition-requests/list")
    def transition_requests(self, call: Call) -> Json:
        """List what waits for approval: nothing."""
        if call.text("name") not in self.records:
            raise missing(f"Registered Model {call.text('name')} does not exist.")
        return {}
