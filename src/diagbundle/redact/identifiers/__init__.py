"""Identifiers: addresses, names of hosts, people and domains, which `--pseudonyms` gives the same stand-in everywhere."""
