"""`make bench`: prints one table of everything measured, against the running stack."""

import asyncio
import os

from bench import auth, chat, files, service_bus, startup, web_pubsub, workspaces


def main() -> None:
    """Measure and print."""
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} before the start; everything on this machine\n")
    for title, rows in (
        ("Start-up", startup.measure()),
        ("Auth", asyncio.run(auth.measure())),
        ("Workspaces", asyncio.run(workspaces.measure())),
        ("Chat", asyncio.run(chat.measure())),
        ("Files", asyncio.run(files.measure())),
        ("Service Bus emulator, alone", service_bus.run()),
        ("Web PubSub emulator, alone", web_pubsub.run()),
    ):
        print(title)
        for name, figure in rows:
            print(f"  {name:<28} {figure}")


if __name__ == "__main__":
    main()
