"""Include it where the project wants it."""

from __future__ import annotations

from django.urls import path

from . import views

app_name = "warehouse"
urlpatterns = [
    path("health/<str:data_source>", views.health, name="health"),
    path("query/<str:data_source>", views.query, name="query"),
    path("arrow/<str:data_source>", views.arrow, name="arrow"),
]
