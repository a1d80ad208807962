"""SQL queries, alerts and dashboards, in the new form and in the legacy one."""

from collections.abc import Callable, Mapping
from typing import Any

from asyncdbx.simulator.call import Call, Json
from asyncdbx.simulator.paging import Pages, numbered
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import email, hexadecimal, topic, uuid
from asyncdbx.simulator.world import Row, Service, World, by, known, rows

_RESULTS = Pages("results", default=20, maximum=100)
_ALERTS_V2 = Pages("alerts", default=20, maximum=100)
_LAKEVIEW = Pages("dashboards", default=20, maximum=1000)


class Queries(Service):
    """The queries of one workspace; the legacy list shows the same ones otherwise."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.records = by("id", (self._made(number) for number in range(world.count(150))))

    def _made(self, number: int) -> Json:
        return {
            "id": uuid(self.random),
            "display_name": topic(self.random, number),
            "description": "Umsätze" if number % 3 else "",
            "owner_user_name": email(number % 30),
            "last_modifier_user_name": email(number % 7),
            "warehouse_id": hexadecimal(self.random),
            "query_text": f"SELECT '{number} %' AS `a b`, {{{{ p }}}}\nFROM t",
            "run_as_mode": "OWNER",
            "lifecycle_state": "ACTIVE",
            "parameters": [{"name": "p", "title": "P", "text_value": {"value": "ü"}}],
            "tags": [],
            "create_time": _moment(number),
            "update_time": _moment(number),
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every query in both forms."""
        return {
            "queries": lambda: rows(self.records.values()),
            "legacy_queries": lambda: rows(map(_legacy_query, self.records.values())),
        }

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every query has permissions."""
        return {"queries": self.records}

    @route("GET", "/api/2.0/sql/queries")
    def list_all(self, call: Call) -> Json:
        """Page through queries by token."""
        return _RESULTS.cut(call, [*self.records.values()])

    @route("GET", "/api/2.0/sql/queries/{id}")
    def get(self, call: Call) -> Json:
        """Return one."""
        return known(self.records, call.args["id"], "Query")

    @route("GET", "/api/2.0/preview/sql/queries")
    def list_legacy(self, call: Call) -> Json:
        """Page through queries by number."""
        return numbered(call, [_legacy_query(record) for record in self.records.values()])

    @route("GET", "/api/2.0/preview/sql/data_sources")
    def data_sources(self, call: Call) -> list[Json]:
        """List data sources as a bare array; their ids are not the warehouses'."""
        return [
            {"id": uuid(self.world.random("source")), "name": "main", "type": "databricks"}
        ]


class Alerts(Service):
    """The alerts of one workspace: the new kind (with its legacy view) and version 2."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.records = by("id", (self._made(number) for number in range(world.count(40))))
        self.version_2 = by(
            "id", (self._made_v2(number) for number in range(world.count(20)))
        )

    def _made(self, number: int) -> Json:
        threshold = {"value": {"double_value": number + 0.5}}
        operand = {"column": {"name": "größe"}}
        return {
            "id": uuid(self.random),
            "display_name": topic(self.random, number),
            "query_id": uuid(self.random),
            "owner_user_name": email(number),
            "state": "OK" if number % 4 else "TRIGGERED",
            "condition": {"op": "GREATER_THAN", "operand": operand, "threshold": threshold},
            "lifecycle_state": "ACTIVE",
            "notify_on_ok": number % 2 == 0,
            "create_time": _moment(number),
            "update_time": _moment(number),
        }

    def _made_v2(self, number: int) -> Json:
        return {
            "id": str(number + 10**14),
            "display_name": topic(self.random, number),
            "query_text": "SELECT 1",
            "warehouse_id": hexadecimal(self.random),
            "owner_user_name": email(number),
            "schedule": {"quartz_cron_schedule": "0 0 7 * * ?", "timezone_id": "UTC"},
            "evaluation": {"comparison_operator": "EQUAL", "source": {"name": "a"}},
            "lifecycle_state": "ACTIVE",
            "create_time": _moment(number),
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every alert of both kinds, and the legacy view of the first."""
        return {
            "alerts": lambda: rows([*self.records.values(), *self.version_2.values()]),
            "legacy_alerts": lambda: rows(map(_legacy_alert, self.records.values())),
        }

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Alerts of both kinds have permissions."""
        return {"alerts": self.records, "alertsv2": self.version_2}

    @route("GET", "/api/2.0/sql/alerts")
    def list_all(self, call: Call) -> Json:
        """Page through alerts."""
        return _RESULTS.cut(call, [*self.records.values()])

    @route("GET", "/api/2.0/sql/alerts/{id}")
    def get(self, call: Call) -> Json:
        """Return one."""
        return known(self.records, call.args["id"], "Alert")

    @route("GET", "/api/2.0/alerts")
    def list_v2(self, call: Call) -> Json:
        """Page through alerts of version 2."""
        return _ALERTS_V2.cut(call, [*self.version_2.values()])

    @route("GET", "/api/2.0/preview/sql/alerts")
    def list_legacy(self, call: Call) -> list[Json]:
        """List all as a bare array."""
        return [_legacy_alert(record) for record in self.records.values()]


class Dashboards(Service):
    """Lakeview dashboards, and the legacy ones."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        lakeview = (self._lakeview(number) for number in range(world.count(60)))
        self.records = by("dashboard_id", lakeview)
        legacy = (self._legacy(number) for number in range(world.count(30)))
        self.legacy = by("id", legacy)

    def _lakeview(self, number: int) -> Json:
        return {
            "dashboard_id": hexadecimal(self.random, 32),
            "display_name": topic(self.random, number),
            "warehouse_id": hexadecimal(self.random),
            "lifecycle_state": "ACTIVE",
            "create_time": _moment(number),
            "etag": str(number + 10**17),
        }

    def _legacy(self, number: int) -> Json:
        name = topic(self.random, number)
        return {
            "id": uuid(self.random),
            "name": name,
            "slug": f"dashboard-{number}",
            "tags": ["ü", "b"],
            "is_archived": False,
            "is_draft": number % 5 == 0,
            "user": {"id": 10**15 + number, "name": "Ada", "email": email(number)},
            "created_at": _moment(number),
            "updated_at": _moment(number),
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every dashboard of either kind."""
        return {"dashboards": lambda: rows([*self.records.values(), *self.legacy.values()])}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Dashboards of both kinds have permissions."""
        return {"dashboards": self.records, "dbsql-dashboards": self.legacy}

    @route("GET", "/api/2.0/lakeview/dashboards")
    def list_all(self, call: Call) -> Json:
        """Page through Lakeview dashboards, without what they draw."""
        return _LAKEVIEW.cut(call, [*self.records.values()])

    @route("GET", "/api/2.0/lakeview/dashboards/{dashboard_id}")
    def get(self, call: Call) -> Json:
        """Return one, with what it draws."""
        record = known(self.records, call.args["dashboard_id"], "Dashboard")
        return record | {"serialized_dashboard": '{"pages":[]}'}

    @route("GET", "/api/2.0/preview/sql/dashboards")
    def list_legacy(self, call: Call) -> Json:
        """Page through legacy dashboards by number."""
        return numbered(call, [*self.legacy.values()])


def _legacy_query(record: Json) -> Json:
    return {
        "id": record["id"],
        "name": record["display_name"],
        "data_source_id": "7a3c0b5e-0000-4000-8000-000000000000",
        "query": record["query_text"],
        "user": {"email": record["owner_user_name"]},
        "is_archived": False,
        "options": {"parameters": []},
        "created_at": record["create_time"],
        "updated_at": record["update_time"],
    }


def _legacy_alert(record: Json) -> Json:
    return {
        "id": record["id"],
        "name": record["display_name"],
        "state": record["state"].lower(),
        "options": {"column": "größe", "op": ">", "value": "1"},
        "created_at": record["create_time"],
        "updated_at": record["update_time"],
    }


def _moment(number: int) -> str:
    return f"2026-{number % 11 + 1:02d}-{number % 28 + 1:02d}T07:{number % 60:02d}:00Z"
