"""Commands whose options are settings."""

from __future__ import annotations

import click

from headwater_server.data_directory import DataDirectory
from headwater_server.settings.setting import look_in


class ConfiguredCommand(click.Command):
    """A command with settings, which looks for those that no argument gives in the configuration file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_help = not set(args).isdisjoint(ctx.help_option_names)
        if not (ctx.resilient_parsing or asks_for_help):
            look_in(DataDirectory.named(ctx.find_root().params.get("data_dir")).configuration, ctx)
        return super().parse_args(ctx, args)
