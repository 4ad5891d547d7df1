"""The field wing: asks a host and fetches what it answers."""
