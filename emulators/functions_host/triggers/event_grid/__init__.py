"""Event Grid: how it delivers to a webhook, and the trigger."""
