"""Files: uploaded straight to the store, checked, shared, restorable. The service's face is its blueprint."""

from functions.files import consumers, timers
from functions.files.api import blueprint

__all__ = ["blueprint", "consumers", "timers"]
