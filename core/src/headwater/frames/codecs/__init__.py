"""Frames as bytes and back: Arrow IPC and Grafana's JSON."""
