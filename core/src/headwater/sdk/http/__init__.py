"""HTTP for data sources: settings, and a pooled client whose calls can be cancelled.

Needs the extra `headwater[http]` (urllib3), which loads when the client is first named, not before. A
settings class inherits the keys from `HttpOptions`; the data source then does:

```
settings = HttpClientSettings.from_instance(instance)
client = HttpClient(settings, user_agent="headwater-example/0.1.0")
with client.request("GET", "api/v1/labels", context=context) as response:
    response.raise_for_status()
    body = response.read()
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater._lazy import load_lazily

from .options import HttpOptions
from .settings import HttpClientSettings, check_header, utf8_header
from .words import excerpt

if TYPE_CHECKING:
    from .client import HttpClient
    from .response import HttpResponse

__all__ = [
    "HttpClient",
    "HttpClientSettings",
    "HttpOptions",
    "HttpResponse",
    "check_header",
    "excerpt",
    "utf8_header",
]

load_lazily(__name__, {"client": ("HttpClient",), "response": ("HttpResponse",)})
