"""The Web PubSub trigger: the event, the webhook that receives it, the reply that goes back."""
