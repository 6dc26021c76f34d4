"""The Service Bus trigger: queues and subscriptions, with sessions or without, one or many."""
