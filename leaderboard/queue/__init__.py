"""Requests in their queue: files, claims, leases, moves between states, and which worker may run what."""
