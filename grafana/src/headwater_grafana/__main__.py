"""`python -m headwater_grafana PLUGIN`: what a plugin's starter runs."""

from __future__ import annotations

import argparse

from headwater_grafana.serve.process import serve_plugin

parser = argparse.ArgumentParser(
    prog="python -m headwater_grafana", description="Serve an installed data-source plugin to Grafana."
)
parser.add_argument("plugin", help="the plugin's id, such as mysql")
parser.add_argument("--standalone", action="store_true", help="listen on TCP, to debug the plugin by itself")


def main() -> None:
    given = parser.parse_args()
    serve_plugin(given.plugin, standalone=given.standalone)


if __name__ == "__main__":
    main()
