"""The app's pages, below /data."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("data/", include("warehouse.urls"))]
