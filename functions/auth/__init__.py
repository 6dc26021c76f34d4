"""Accounts, sessions and keys. The service's face is its blueprint."""

from functions.auth import consumers, timers
from functions.auth.api import blueprint

__all__ = ["blueprint", "consumers", "timers"]
