"""Django: an app `warehouse` that any project can take over, in a project that shows it.

    pip install 'headwater[yaml]' headwater-testdata django gunicorn
    python manage.py query demo '{"scenario": "streaming_rows", "rows": 3}'
    gunicorn --preload --workers 2 --threads 8 shop.wsgi
    curl localhost:8000/data/query/demo --json '{"scenario": "streaming_rows", "rows": 3}'

Whoever reaches this project may run any query: put `login_required` and permissions of yours in front.
"""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    execute_from_command_line(sys.argv)
