"""Evidence from a sick server in one file, and the tools to open it."""

__version__ = "0.1.0"
