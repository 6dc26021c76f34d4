// The client @azure/web-pubsub-client against the emulator: SCENARIO CONNECTION_STRING HUB PROTOCOL.

import assert from "node:assert/strict";

import { WebPubSubServiceClient } from "@azure/web-pubsub";
import {
  WebPubSubClient,
  WebPubSubJsonProtocol,
  WebPubSubJsonReliableProtocol,
} from "@azure/web-pubsub-client";

import { relay, run, until } from "./support.mjs";

const protocols = {
  json: () => WebPubSubJsonProtocol(),
  reliable: () => WebPubSubJsonReliableProtocol(),
};
const everything = { roles: ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"] };

const connect = (connectionString, hub) =>
  new WebPubSubServiceClient(connectionString, hub, { allowInsecureConnection: true });

function clientOf(url, protocol, options = {}) {
  const client = new WebPubSubClient(url, { protocol: protocols[protocol](), ...options });
  const got = { messages: [], connected: 0, disconnected: 0 };
  client.on("group-message", (e) => got.messages.push(e.message));
  client.on("server-message", (e) => got.messages.push(e.message));
  client.on("connected", () => got.connected++);
  client.on("disconnected", () => got.disconnected++);
  return { client, got };
}

async function messages(connectionString, hub, protocol) {
  const service = connect(connectionString, hub);
  const { url } = await service.getClientAccessToken({ userId: "ann", ...everything });
  const { client, got } = clientOf(url, protocol);
  await client.start();
  assert.equal((await client.joinGroup("g")).isDuplicated, false);
  await client.sendToGroup("g", "text", "text");
  await client.sendToGroup("g", { n: 1 }, "json");
  await client.sendToGroup("g", new Uint8Array([0, 255]).buffer, "binary");
  await client.sendToGroup("g", "unheard", "text", { noEcho: true });
  await service.sendToUser("ann", { n: 2 });
  await until(() => got.messages.length === 4);
  const [text, json, binary, server] = got.messages;
  assert.deepEqual([text.data, text.group, text.fromUserId], ["text", "g", "ann"]);
  assert.deepEqual(json.data, { n: 1 });
  assert.deepEqual([...new Uint8Array(binary.data)], [0, 255]);
  assert.deepEqual(server.data, { n: 2 });
  await client.leaveGroup("g");
  assert.equal(await service.groupExists("g"), false);
  client.stop();
  await until(() => got.disconnected === 1);
}

async function refusals(connectionString, hub, protocol) {
  const { url } = await connect(connectionString, hub).getClientAccessToken();
  const { client } = clientOf(url, protocol, { messageRetryOptions: { maxRetries: 0 } });
  await client.start();
  await assert.rejects(client.joinGroup("g"), (error) => error.errorDetail.name === "Forbidden");
  await assert.rejects(
    client.sendEvent("nobody", 1, "json"),
    (error) => error.errorDetail.name === "InternalServerError",
  );
}

// Nothing but pongs arrives, and they alone keep the client from giving the connection up.
async function keepAlive(connectionString, hub, protocol) {
  const { url } = await connect(connectionString, hub).getClientAccessToken();
  const options = { keepAliveIntervalInMs: 100, keepAliveTimeoutInMs: 1000 };
  const { client, got } = clientOf(url, protocol, options);
  await client.start();
  let pongs = 0;
  client._wsClient._socket.on("message", (data) => {
    if (JSON.parse(data).type === "pong") pongs++;
  });
  await until(() => pongs >= 15);
  assert.deepEqual(got, { messages: [], connected: 1, disconnected: 0 });
}

async function recovery(connectionString, hub, protocol) {
  const service = connect(connectionString, hub);
  const wire = await relay(connectionString.match(/Endpoint=([^;]+)/)[1]);
  const { url } = await service.getClientAccessToken({ userId: "ann", ...everything });
  const { client, got } = clientOf(wire.through(url), protocol);
  await client.start();
  await client.joinGroup("g");
  for (let n = 0; n < 20; n++) {
    if (n % 5 === 3) {
      await until(() => client._wsClient.isOpen());
      const socket = client._wsClient._socket; // it is replaced at once
      wire.cut();
      await until(() => socket.readyState === socket.CLOSED);
    }
    await service.group("g").sendToAll({ n });
  }
  await until(() => got.messages.length >= 20);
  assert.deepEqual(got.messages.map((message) => message.data.n), [...Array(20).keys()]);
  assert.deepEqual([got.connected, got.disconnected], [1, 0]);
}

// Without recovery the client connects anew, and joins its groups again by itself.
async function reconnect(connectionString, hub, protocol) {
  const service = connect(connectionString, hub);
  const wire = await relay(connectionString.match(/Endpoint=([^;]+)/)[1]);
  const { url } = await service.getClientAccessToken(everything);
  const { client, got } = clientOf(wire.through(url), protocol);
  await client.start();
  await client.joinGroup("g");
  wire.cut();
  await until(() => got.connected === 2);
  await until(() => service.groupExists("g"));
  await service.group("g").sendToAll({ n: 1 });
  await until(() => got.messages.length === 1);
}

await run({ messages, refusals, keepAlive, recovery, reconnect });
