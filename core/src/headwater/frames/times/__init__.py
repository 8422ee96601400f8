"""Points in time and spans of it: ranges, Grafana's date math, intervals."""
