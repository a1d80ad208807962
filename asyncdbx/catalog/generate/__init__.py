"""Reads the source of an installed databricks-sdk and writes ``endpoints.json``.

Nothing of the SDK is imported: its request methods are generated code of very few forms,
and reading them with ``ast`` sees every argument, also those no dummy call would reach.
A form that is not known is an error that names the method, never a silent gap.
"""

from asyncdbx.catalog.generate.build import catalog_of
from asyncdbx.catalog.generate.sdk import Sdk, locate

__all__ = ["Sdk", "catalog_of", "locate"]
