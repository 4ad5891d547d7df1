"""Logs of any kind as one stream of events in UTC."""
