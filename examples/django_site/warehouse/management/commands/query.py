"""`manage.py query DATA_SOURCE QUERY`: rows as JSON lines."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from headwater.errors import HeadwaterError
from warehouse.host import headwater


class Command(BaseCommand):
    help = "Query a data source; a query is text, or a JSON object."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("data_source")
        parser.add_argument("query")

    def handle(self, *_: Any, **options: Any) -> None:
        text: str = options["query"]
        try:
            asked = json.loads(text) if text.startswith("{") else text
            frame = headwater().query(options["data_source"], asked)
        except (HeadwaterError, ValueError) as error:
            raise CommandError(str(error)) from error
        for row in frame.to_pylist():
            self.stdout.write(json.dumps(row, cls=DjangoJSONEncoder))
