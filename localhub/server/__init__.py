"""The Hub's HTTP API over `localhub.store.Hub`."""

from localhub.server.app import create_app

__all__ = ["create_app"]
