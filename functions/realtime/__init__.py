"""Realtime: who hears what, and the frames that reach them."""

from functions.realtime import consumers
from functions.realtime.api import blueprint

__all__ = ["blueprint", "consumers"]
