"""A data-source plugin as a process that Grafana, or a Headwater host, starts and asks over gRPC."""
