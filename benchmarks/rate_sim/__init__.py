"""Clients against one rate-limited server, on virtual time: no network, no real clock.

It shares no code with the client it tests, and only ``learned`` imports that one.
"""
