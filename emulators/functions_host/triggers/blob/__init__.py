"""The blob trigger: the scan, the receipts, the host's own queue, Event Grid's webhook."""
