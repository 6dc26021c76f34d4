"""Triggers, one module each; `registry` says which type is which."""
