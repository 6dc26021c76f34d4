"""Input and output bindings, one module each; `registry` says which type is which."""
