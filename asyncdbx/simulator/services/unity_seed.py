"""Seeded objects of Unity Catalog."""

from random import Random

from asyncdbx.simulator.call import Json
from asyncdbx.simulator.words import email, identifier, past, uuid

METASTORE = "11111111-2222-4333-8444-555555555555"
_TYPES = (
    ("id", "bigint", "LONG"),
    ("größe", "decimal(38,9)", "DECIMAL"),
    ("ts", "timestamp", "TIMESTAMP"),
)


def securable(random: Random, kind: str, full_name: str, number: int) -> Json:
    """Return what all securables have in common."""
    moment = past(random)
    return {
        "name": full_name.rpartition(".")[2],
        "full_name": full_name,
        "owner": email(number % 30),
        "metastore_id": METASTORE,
        "created_at": moment,
        "created_by": email(number % 30),
        "updated_at": moment,
        "updated_by": email(number % 30),
        "securable_type": kind,
        "comment": "Enthält Umsätze" if number % 3 == 1 else "",
    }


def catalog(random: Random, number: int) -> Json:
    """Return a catalog."""
    name = "main" if number == 0 else identifier(random, number)
    return securable(random, "CATALOG", name, number) | {
        "catalog_type": "MANAGED_CATALOG",
        "isolation_mode": "OPEN",
        "properties": {"x-y": "ü"},
        "x_future_field": [],
    }


def schema(random: Random, catalog_name: str, number: int) -> Json:
    """Return a schema; the first of each catalog is ``default``."""
    name = "default" if number == 0 else identifier(random, number)
    return securable(random, "SCHEMA", f"{catalog_name}.{name}", number) | {
        "catalog_name": catalog_name,
        "schema_id": uuid(random),
        "catalog_type": "MANAGED_CATALOG",
    }


def table(random: Random, parent: Json, number: int) -> Json:
    """Return a table with its columns."""
    name = f"{identifier(random, number)} ü" if number == 3 else identifier(random, number)
    return _child(random, "TABLE", parent, name, number) | {
        "table_id": uuid(random),
        "table_type": "VIEW" if number % 5 == 4 else "MANAGED",
        "data_source_format": "DELTA",
        "columns": [_column(position) for position in range(random.randrange(1, 12))],
        "properties": {"delta.minReaderVersion": "1", "spark.sql.x": "1 %"},
        "storage_location": f"s3://bucket/{name.replace(' ', '%20')}",
    }


def _column(position: int) -> Json:
    name, text, kind = _TYPES[position % len(_TYPES)]
    return {
        "name": f"{name}_{position}",
        "type_text": text,
        "type_name": kind,
        "position": position,
        "nullable": True,
        "type_json": f'{{"name":"{name}_{position}","type":"{text}"}}',
    }


def volume(random: Random, parent: Json, number: int) -> Json:
    """Return a volume; its times and owner, no comment."""
    name = identifier(random, number)
    return _child(random, "VOLUME", parent, name, number) | {
        "volume_id": uuid(random),
        "volume_type": "MANAGED" if number % 2 else "EXTERNAL",
        "storage_location": f"s3://bucket/volumes/{name}",
    }


def function(random: Random, parent: Json, number: int) -> Json:
    """Return a function."""
    return _child(random, "FUNCTION", parent, identifier(random, number), number) | {
        "function_id": uuid(random),
        "data_type": "STRING",
        "routine_body": "SQL",
        "routine_definition": "SELECT 'ß'",
        "is_deterministic": True,
    }


def model(random: Random, parent: Json, number: int) -> Json:
    """Return a registered model."""
    return _child(random, "FUNCTION", parent, f"model_{number}", number)


def model_version(random: Random, parent: Json, number: int) -> Json:
    """Return a version of a model."""
    moment = past(random)
    return {
        "model_name": parent["name"],
        "catalog_name": parent["catalog_name"],
        "schema_name": parent["schema_name"],
        "version": number + 1,
        "status": "READY",
        "source": "dbfs:/models/m",
        "run_id": uuid(random).replace("-", ""),
        "created_at": moment,
        "created_by": parent["created_by"],
        "id": uuid(random),
        "metastore_id": METASTORE,
    }


def _child(random: Random, kind: str, parent: Json, name: str, number: int) -> Json:
    names = {"catalog_name": parent["catalog_name"], "schema_name": parent["name"]}
    return securable(random, kind, f"{parent['full_name']}.{name}", number) | names
