"""The plugin that the entry point names. It imports no driver: `data_source` is loaded at first use."""

from __future__ import annotations

from headwater.sdk import DataSourcePlugin, QueryExample

from . import __version__
{% set query = "SqlQuery" if cookiecutter.kind == "sql" else "LevelQuery" %}
from .query import {{ query }}
from .settings import Settings


class {{ cookiecutter.__class }}Plugin(DataSourcePlugin):
    """What hosts know of {{ cookiecutter.title }}."""

    id = "{{ cookiecutter.slug }}"
    name = "{{ cookiecutter.title }}"
    version = __version__
    description = "REPLACE: one sentence that tells users what they get."
    settings_type = Settings
    query_type = {{ query }}
{% if cookiecutter.kind == "sql" %}
    query_text_key = "rawSql"
    query_language = "sql"
    examples = (QueryExample("All readings", {"rawSql": "SELECT * FROM readings"}),)
{% else %}
    query_text_key = "station"
    examples = (QueryExample("The level at one station", {"station": "north"}),)
{% endif %}
    capabilities = frozenset({"cancel", "stream", "resources"})
    data_source = "{{ cookiecutter.__module }}.datasource:{{ cookiecutter.__class }}Source"
