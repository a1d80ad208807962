"""Every REST method of Databricks as data: paths, arguments, paging, fields, limits.

``endpoints.json`` is generated from the official SDK by ``asyncdbx.catalog.generate``;
nothing of the SDK is imported at run time. ``asyncdbx.catalog.limits`` knows how often each
endpoint may be called.
"""

from asyncdbx.catalog.endpoint import Endpoint, Paging, Request, Scope
from asyncdbx.catalog.index import Catalog, endpoint, find, names, sdk_version

__all__ = [
    "Catalog",
    "Endpoint",
    "Paging",
    "Request",
    "Scope",
    "endpoint",
    "find",
    "names",
    "sdk_version",
]
