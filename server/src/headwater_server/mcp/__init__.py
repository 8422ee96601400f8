"""Tools for agents: data sources and named queries over the Model Context Protocol (extra `mcp`).

One set of tools, two ways to it: `headwater mcp` on stdin and stdout, and `/mcp` in the host. What comes from
a data source is shown as data; descriptions are the host's own and those of named queries.
"""
