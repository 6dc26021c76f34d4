"""A worker process: one copy of the user's app, driven through Microsoft's own runtime."""
