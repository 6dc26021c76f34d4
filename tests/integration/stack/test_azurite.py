"""The storage fixture gives a storage account that the official SDK can use."""

from azure.storage.queue.aio import QueueClient


async def test_the_azurite_fixture_takes_a_message_and_gives_it_back(azurite: str) -> None:
    async with QueueClient.from_connection_string(azurite, "harness") as queue:
        await queue.create_queue()
        await queue.send_message("hello")
        message = await queue.receive_message()
    assert message is not None
    assert message.content == "hello"
