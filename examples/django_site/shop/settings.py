"""What the app `warehouse` needs of a project is HEADWATER and the two lines with its name."""

from __future__ import annotations

import os
import secrets

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or secrets.token_urlsafe(50)
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
INSTALLED_APPS = ["warehouse"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "warehouse.middleware.HeadwaterErrors",
]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
USE_TZ = True

HEADWATER = {
    "provisioning": [file] if (file := os.environ.get("HEADWATER_PROVISIONING")) else [],
    "options": {},  # of headwater.Headwater
}
