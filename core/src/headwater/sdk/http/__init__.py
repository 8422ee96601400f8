"""HTTP for data sources: settings, a pooled client whose calls can be cancelled, and strict paths.

Needs the extra `headwater[http]` (urllib3). A settings class inherits the keys from `HttpOptions`; the
data source then does:

```
settings = HttpClientSettings.from_instance(instance_settings)
client = HttpClient(settings, user_agent="headwater-example/0.1.0")
with client.request("GET", "api/v1/labels", context=context, idempotent=True) as response:
    response.raise_for_status()
    body = response.read()
```
"""

from __future__ import annotations

from .client import HttpClient
from .options import HttpOptions
from .paths import join_path, split_path
from .response import HttpResponse
from .settings import HttpClientSettings

__all__ = ["HttpClient", "HttpClientSettings", "HttpOptions", "HttpResponse", "join_path", "split_path"]
