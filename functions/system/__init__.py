"""The deployment as such: is it alive, is it ready, and what does its API look like."""

from functions.system.api import blueprint

__all__ = ["blueprint"]
