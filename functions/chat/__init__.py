"""Chat: rooms whose whole history is one gapless log, and the messages in them."""

from functions.chat import consumers
from functions.chat.api import blueprint

__all__ = ["blueprint", "consumers"]
