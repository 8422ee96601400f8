"""Puts a plugin into a folder that Grafana installs: manifest, starter, editors."""
