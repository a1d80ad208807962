"""Unity Catalog as a workspace sees it: catalogs, schemas, and what is in them."""

from collections.abc import Callable, Mapping

from asyncdbx.simulator.call import Call, Json, Refusal
from asyncdbx.simulator.paging import Pages, unity
from asyncdbx.simulator.router import route
from asyncdbx.simulator.services import unity_seed as seed
from asyncdbx.simulator.words import email, uuid
from asyncdbx.simulator.world import Row, Service, World, by, known, rows

_API = "/api/2.1/unity-catalog/"
_OMITTED = {
    "omit_columns": "columns",
    "omit_properties": "properties",
    "omit_username": "owner",
}
_CATALOGS = unity("catalogs", 100)
_SCHEMAS = unity("schemas", 100)
_TABLES = unity("tables", 50, 50)
_VOLUMES = unity("volumes", 10_000, 10_000)
_FUNCTIONS = unity("functions", 100)
_LOCATIONS = unity("external_locations", 100)
_STORAGE = unity("storage_credentials", 100)
_METASTORES = unity("metastores", 100)
_MODELS = Pages("registered_models", "max_results", 100, 1000)
_VERSIONS = Pages("model_versions", "max_results", 100, 1000)

Table = dict[str, dict[str, Json]]


class UnityCatalog(Service):
    """The catalogs of one workspace.

    Attributes:
        catalogs: By name.
        schemas: By catalog, then by full name.
        tables, volumes, functions, models: By full name of the schema, then of the thing.
        versions: By full name of the model, then by version.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        random = self.random
        catalogs = (seed.catalog(random, number) for number in range(world.count(10, 2)))
        self.catalogs = by("name", catalogs)
        self.schemas: Table = {name: self._schemas(name) for name in self.catalogs}
        self.tables: Table = self._in_schemas(seed.table, 18)
        self.volumes: Table = self._in_schemas(seed.volume, 4)
        self.functions: Table = self._in_schemas(seed.function, 3)
        self.models: Table = self._in_schemas(seed.model, 2)
        models = [model for found in self.models.values() for model in found.values()]
        self.versions: Table = {
            model["full_name"]: self._versions(model) for model in models
        }

    def _schemas(self, catalog: str) -> dict[str, Json]:
        count = self.random.randrange(2, 22)
        return by("full_name", (seed.schema(self.random, catalog, n) for n in range(count)))

    def _in_schemas(self, make: Callable[..., Json], most: int) -> Table:
        parents = [parent for found in self.schemas.values() for parent in found.values()]
        return {
            parent["full_name"]: by("full_name", self._some(make, parent, most))
            for parent in parents
        }

    def _some(self, make: Callable[..., Json], parent: Json, most: int) -> list[Json]:
        count = self.random.randrange(most)
        return [make(self.random, parent, number) for number in range(count)]

    def _versions(self, model: Json) -> dict[str, Json]:
        return by("version", self._some(seed.model_version, model, 6))

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Everything, with the full name of what it is in as parent."""
        return {
            "catalogs": lambda: rows(self.catalogs.values()),
            "schemas": lambda: _rows(self.schemas),
            "tables": lambda: _rows(self.tables),
            "volumes": lambda: _rows(self.volumes),
            "functions": lambda: _rows(self.functions),
            "registered_models": lambda: _rows(self.models),
            "model_versions": lambda: _rows(self.versions),
        }

    @route("GET", _API + "catalogs")
    def list_catalogs(self, call: Call) -> Json:
        """Page through catalogs."""
        return _CATALOGS.cut(call, [*self.catalogs.values()])

    @route("GET", _API + "catalogs/{name}")
    def get_catalog(self, call: Call) -> Json:
        """Return one catalog."""
        return known(self.catalogs, call.args["name"], "Catalog")

    @route("GET", _API + "schemas")
    def list_schemas(self, call: Call) -> Json:
        """Page through the schemas of a catalog."""
        return _SCHEMAS.cut(call, [*self._catalog(call).values()])

    @route("GET", _API + "tables")
    def list_tables(self, call: Call) -> Json:
        """Page through the tables of a schema, without what the call wants omitted."""
        page = _TABLES.cut(call, self._children(call, self.tables))
        omitted = {field for argument, field in _OMITTED.items() if call.flag(argument)}
        if omitted and "tables" in page:
            page["tables"] = [_without(table, omitted) for table in page["tables"]]
        return page

    @route("GET", _API + "tables/{full_name}")
    def get_table(self, call: Call) -> Json:
        """Return one table."""
        parent = call.args["full_name"].rpartition(".")[0]
        return known(self.tables.get(parent, {}), call.args["full_name"], "Table")

    @route("GET", _API + "table-summaries")
    def list_summaries(self, call: Call) -> Json:
        """Page through names and types of all tables of a catalog."""
        schemas = self._catalog(call)
        found = [table for name in schemas for table in self.tables[name].values()]
        summaries = [
            {key: table[key] for key in ("full_name", "table_type")} for table in found
        ]
        return unity("tables", 10_000, 10_000).cut(call, summaries)

    @route("GET", _API + "volumes")
    def list_volumes(self, call: Call) -> Json:
        """Page through the volumes of a schema."""
        return _VOLUMES.cut(call, self._children(call, self.volumes))

    @route("GET", _API + "functions")
    def list_functions(self, call: Call) -> Json:
        """Page through the functions of a schema."""
        return _FUNCTIONS.cut(call, self._children(call, self.functions))

    @route("GET", _API + "models")
    def list_models(self, call: Call) -> Json:
        """Page through the models of a schema, or of the whole metastore."""
        if "catalog_name" in call.query:
            return _MODELS.cut(call, self._children(call, self.models))
        return _MODELS.cut(call, [row.record for row in _rows(self.models)])

    @route("GET", _API + "models/{full_name}/versions")
    def list_versions(self, call: Call) -> Json:
        """Page through the versions of a model."""
        name = call.args["full_name"]
        if name not in self.versions:
            text = f"Routine or Model '{name}' does not exist."
            raise Refusal(404, "RESOURCE_DOES_NOT_EXIST", text)
        return _VERSIONS.cut(call, [*self.versions[name].values()])

    @route("GET", _API + "metastore_summary")
    def metastore_summary(self, call: Call) -> Json:
        """Return the metastore of this workspace."""
        return {**_METASTORE, "delta_sharing_scope": "INTERNAL"}

    @route("GET", _API + "metastores")
    def metastores(self, call: Call) -> Json:
        """Page through metastores: there is one."""
        return _METASTORES.cut(call, [_METASTORE])

    @route("GET", _API + "external-locations")
    def external_locations(self, call: Call) -> Json:
        """Page through external locations."""
        made = (seed.securable(self.world.random("l"), "", f"loc{n}", n) for n in range(3))
        return _LOCATIONS.cut(call, [record | {"url": "s3://bucket/ü"} for record in made])

    @route("GET", _API + "storage-credentials")
    def storage_credentials(self, call: Call) -> Json:
        """Page through storage credentials."""
        random = self.world.random("credentials")
        return _STORAGE.cut(
            call, [{"id": uuid(random), "name": f"cred-{n}"} for n in range(3)]
        )

    def _catalog(self, call: Call) -> dict[str, Json]:
        name = call.text("catalog_name")
        if name not in self.schemas:
            raise Refusal(
                404, "CATALOG_DOES_NOT_EXIST", f"Catalog '{name}' does not exist."
            )
        return self.schemas[name]

    def _children(self, call: Call, table: Table) -> list[Json]:
        name = f"{call.text('catalog_name')}.{call.text('schema_name')}"
        if name not in self._catalog(call):
            raise Refusal(404, "SCHEMA_DOES_NOT_EXIST", f"Schema '{name}' does not exist.")
        return [*table[name].values()]


_METASTORE: Json = {
    "metastore_id": seed.METASTORE,
    "name": "metastore",
    "region": "eu-central-1",
    "owner": email(0),
}


def _rows(table: Table) -> list[Row]:
    return [row for parent, found in table.items() for row in rows(found.values(), parent)]


def _without(record: Json, keys: set[str]) -> Json:
    return {key: value for key, value in record.items() if key not in keys}
