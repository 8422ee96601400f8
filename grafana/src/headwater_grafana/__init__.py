"""Python data-source plugins inside Grafana, and plugin processes inside Headwater."""
