"""The host's own clients of Azure's services: just the calls that bindings and triggers need."""
