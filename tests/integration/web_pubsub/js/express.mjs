// The middleware @azure/web-pubsub-express as the emulator's event handler:
// SCENARIO CONNECTION_STRING HUB PORT. The hub's handler is http://localhost:PORT/api/webpubsub/…

import assert from "node:assert/strict";
import { once } from "node:events";

import { WebPubSubServiceClient } from "@azure/web-pubsub";
import { WebPubSubEventHandler } from "@azure/web-pubsub-express";
import express from "express";

import { run, Socket, until } from "./support.mjs";

async function serve(connectionString, hub, port, handlers) {
  const endpoint = connectionString.match(/Endpoint=([^;]+)/)[1];
  const handler = new WebPubSubEventHandler(hub, { allowedEndpoints: [endpoint], ...handlers });
  await once(express().use(handler.getMiddleware()).listen(Number(port)), "listening");
  return new WebPubSubServiceClient(connectionString, hub, { allowInsecureConnection: true });
}

async function connects(connectionString, hub, port) {
  let asked;
  const service = await serve(connectionString, hub, port, {
    handleConnect(request, response) {
      asked = request;
      response.success({
        userId: "renamed", groups: ["g"], roles: ["webpubsub.sendToGroup.g"],
      });
    },
  });
  const { url } = await service.getClientAccessToken({ userId: "ann", groups: ["old"] });
  const socket = await Socket.open(`${url}&answer=42`);
  assert.equal((await socket.next()).userId, "renamed");
  assert.equal(asked.context.userId, "ann");
  assert.deepEqual(asked.queries.answer, ["42"]);
  assert.deepEqual(asked.subprotocols, ["json.webpubsub.azure.v1"]);
  assert.equal(await service.groupExists("g"), true);
  assert.equal(await service.groupExists("old"), false);
  const message = await socket.ask({ type: "sendToGroup", group: "g", data: 1 });
  assert.equal(message.fromUserId, "renamed");
}

async function refuses(connectionString, hub, port) {
  const service = await serve(connectionString, hub, port, {
    handleConnect: (_, response) => response.fail(401, "not you"),
  });
  const { url } = await service.getClientAccessToken();
  assert.equal(await Socket.refused(url), 401);
}

async function events(connectionString, hub, port) {
  const service = await serve(connectionString, hub, port, {
    handleConnect(_, response) {
      response.setState("count", 0);
      response.success();
    },
    handleUserEvent(request, response) {
      const count = request.context.states.count + 1;
      response.setState("count", count);
      if (request.dataType === "json") response.success(JSON.stringify({ count }), "json");
      else response.success(request.data, request.dataType);
    },
  });
  const { url } = await service.getClientAccessToken();
  const socket = await Socket.open(url);
  await socket.next();
  const event = (data, dataType, ackId) => ({ type: "event", event: "e", data, dataType, ackId });
  assert.equal((await socket.ask(event("hé", "text", 1))).data, "hé");
  assert.equal((await socket.next()).success, true);
  assert.equal((await socket.ask(event("AP8=", "binary", 2))).data, "AP8=");
  assert.equal((await socket.next()).success, true);
  assert.deepEqual((await socket.ask(event({ a: 1 }, "json", 3))).data, { count: 3 });
  assert.equal((await socket.next()).success, true);
}

async function fails(connectionString, hub, port) {
  const service = await serve(connectionString, hub, port, {
    handleUserEvent: (_, response) => response.fail(400, "no"),
  });
  const { url } = await service.getClientAccessToken();
  const socket = await Socket.open(url);
  await socket.next();
  const ack = await socket.ask({ type: "event", event: "e", data: 1, ackId: 1 });
  assert.equal(ack.error.name, "InternalServerError");
  assert.equal((await socket.ask({ type: "ping" })).type, "pong");
}

async function lifetimes(connectionString, hub, port) {
  const told = [];
  const service = await serve(connectionString, hub, port, {
    onConnected: ({ context }) => told.push(["connected", context.userId]),
    onDisconnected: ({ context, reason }) => told.push(["disconnected", context.userId, reason]),
  });
  const { url } = await service.getClientAccessToken({ userId: "ann" });
  const socket = await Socket.open(url);
  const { connectionId } = await socket.next();
  await until(() => told.length === 1);
  await service.closeConnection(connectionId, { reason: "enough" });
  await until(() => told.length === 2);
  assert.deepEqual(told[0], ["connected", "ann"]);
  assert.deepEqual(told[1].slice(0, 2), ["disconnected", "ann"]);
  assert.match(told[1][2], /enough/);
}

// The middleware does not allow an origin that it does not know, and then gets no event.
async function validates(connectionString, hub, port) {
  let asked = 0;
  const service = await serve(connectionString, hub, port, {
    allowedEndpoints: ["http://elsewhere.example"],
    handleConnect(_, response) {
      asked++;
      response.success();
    },
  });
  const { url } = await service.getClientAccessToken();
  assert.equal(await Socket.refused(url), 500);
  assert.equal(asked, 0);
}

await run({ connects, refuses, events, fails, lifetimes, validates });
