"""Azure Web PubSub on a laptop, for the official clients and SDKs unchanged.

Run it with ``python -m emulators.web_pubsub``. ``docs/web-pubsub-emulator.md`` is the map.
"""
