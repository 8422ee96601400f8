"""The plugin that the entry point names. It imports no driver: `data_source` is loaded at first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from headwater.sdk import DataSourcePlugin, QueryExample
{% if cookiecutter.kind == "sql" %}
from headwater.sdk.sql import named_placeholders
{% endif %}

from . import __version__
{% if cookiecutter.kind == "sql" %}
from .macros import MACROS
{% endif %}
{% set query = "SqlQuery" if cookiecutter.kind == "sql" else "LevelQuery" %}
from .query import {{ query }}
from .settings import Settings


class {{ cookiecutter.__class }}Plugin(DataSourcePlugin):
    """What hosts know of {{ cookiecutter.title }}."""

    id = "{{ cookiecutter.slug }}"
    name = "{{ cookiecutter.title }}"
    version = __version__
    description = "REPLACE: one sentence that tells users what they get."
    # REPLACE: which of url, user, database and basicAuthUser it uses, and what each means to it.
{% if cookiecutter.kind == "http" %}
    connection: ClassVar[Mapping[str, str]] = {
        "url": "where the API is, such as https://api.example.com; without one, the answers come from memory"
    }
{% else %}
    connection: ClassVar[Mapping[str, str]] = {}
{% endif %}
    settings_type = Settings
    query_type = {{ query }}
{% if cookiecutter.kind == "sql" %}
    query_text_key = "rawSql"
    query_language = "sql"
    table_query: ClassVar[Mapping[str, str]] = {"rawSql": "SELECT * FROM {table}"}
    identifier_quote = '"'  # REPLACE, where names are quoted in another way.
    parameter_placeholders = named_placeholders()
    macros = MACROS
    examples = (
        QueryExample("All readings", {"rawSql": "SELECT * FROM readings"}),
        QueryExample("In the time range", {"rawSql": "SELECT * FROM readings WHERE $__timeFilter(time)"}),
    )
{% else %}
    query_text_key = "station"
    examples = (QueryExample("The level at one station", {"station": "north"}),)
{% endif %}
    capabilities = frozenset({"cancel", {% if cookiecutter.kind == "sql" %}"parameters", {% endif %}"stream", "resources"})
    data_source = "{{ cookiecutter.__module }}.datasource:{{ cookiecutter.__class }}Source"
