"""Admin: what those who run the platform do with the queues and their dead letters."""

from functions.admin.api import blueprint

__all__ = ["blueprint"]
