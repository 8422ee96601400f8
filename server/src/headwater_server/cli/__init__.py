"""The command line `headwater`. stdout is data, stderr is narration."""
