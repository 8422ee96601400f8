"""Settings of a host: given by an option, by a variable of the environment, or by `headwater.toml`."""

from .configuration_file import ConfigurationFile, read_configuration
from .setting import ConfiguredCommand, Setting, look_in

__all__ = ["ConfigurationFile", "ConfiguredCommand", "Setting", "look_in", "read_configuration"]
