"""The desk in a browser: a server on loopback that shows one bundle to one person."""
