"""Settings of a host: given by an option, by a variable of the environment, or by `headwater.toml`.

`all_settings` has them; `reading` reads the file. Nothing is loaded here: most commands need none.
"""
