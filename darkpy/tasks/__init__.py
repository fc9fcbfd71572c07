"""Use cases, one file each: what a command does, without its arguments and its printing."""
