"""One source becomes bytes: files, commands, probes."""
