// The service SDK @azure/web-pubsub against the emulator: SCENARIO CONNECTION_STRING HUB.

import assert from "node:assert/strict";

import { WebPubSubServiceClient } from "@azure/web-pubsub";

import { run, Socket, until } from "./support.mjs";

const connect = (connectionString, hub) =>
  new WebPubSubServiceClient(connectionString, hub, { allowInsecureConnection: true });

async function join(service, options = {}) {
  const { url } = await service.getClientAccessToken(options);
  const socket = await Socket.open(url);
  return { socket, id: (await socket.next()).connectionId };
}

async function sends(connectionString, hub) {
  const service = connect(connectionString, hub);
  const ann = await join(service, { userId: "ann", groups: ["g"] });
  const bob = await join(service, { userId: "bob" });
  await service.sendToAll({ n: 1 }, { excludedConnections: [bob.id] });
  await service.sendToAll({ n: 2 }, { filter: "userId eq 'bob'", messageTtlSeconds: 60 });
  await service.sendToUser("ann", "text", { contentType: "text/plain" });
  await service.sendToConnection(bob.id, Buffer.from([0, 255]));
  await service.group("g").sendToAll({ n: 3 });
  assert.deepEqual(await ann.socket.next(), {
    type: "message", from: "server", dataType: "json", data: { n: 1 },
  });
  assert.equal((await ann.socket.next()).data, "text");
  const fromGroup = await ann.socket.next();
  assert.deepEqual([fromGroup.from, fromGroup.group, fromGroup.data], ["group", "g", { n: 3 }]);
  assert.deepEqual((await bob.socket.next()).data, { n: 2 });
  assert.deepEqual((await bob.socket.next()).data, "AP8=");
}

async function groups(connectionString, hub) {
  const service = connect(connectionString, hub);
  const ann = await join(service, { userId: "ann" });
  const bob = await join(service);
  const group = service.group("a b/c");
  await group.addConnection(bob.id);
  await group.addUser("ann");
  assert.equal(await service.groupExists("a b/c"), true);
  const listed = async (options) => {
    const ids = [];
    for await (const member of await group.listConnections(options)) ids.push(member.connectionId);
    return ids;
  };
  assert.deepEqual(await listed({ maxPageSize: 1 }), [ann.id, bob.id].sort());
  assert.equal((await listed({ maxPageSize: 1, top: 1 })).length, 1);
  await group.removeConnection(bob.id);
  assert.deepEqual(await listed(), [ann.id]);
  await service.removeUserFromAllGroups("ann");
  await group.addConnection(bob.id);
  await service.removeConnectionFromAllGroups(bob.id);
  assert.equal(await service.groupExists("a b/c"), false);
  await assert.rejects(group.addConnection("missing"), { statusCode: 404 });
}

async function bulk(connectionString, hub) {
  const service = connect(connectionString, hub);
  const ann = await join(service, { userId: "ann" });
  const bob = await join(service, { userId: "bob" });
  await service.addConnectionsToGroups(["g", "h"], "userId eq 'ann'");
  await service.addConnectionsToGroups(["all"], "");
  for (const name of ["g", "h", "all"]) await service.group(name).sendToAll({ name });
  for (const name of ["g", "h", "all"]) assert.equal((await ann.socket.next()).group, name);
  assert.equal((await bob.socket.next()).group, "all");
  await service.removeConnectionsFromGroups(["g", "all"], "userId eq 'ann'");
  assert.equal(await service.groupExists("g"), false);
  assert.equal(await service.groupExists("h"), true);
  await assert.rejects(service.addConnectionsToGroups(["g"], "userId ="), { statusCode: 400 });
}

async function permissions(connectionString, hub) {
  const service = connect(connectionString, hub);
  const { socket, id } = await join(service, { roles: ["webpubsub.sendToGroup"] });
  const target = { targetName: "g" };
  assert.equal(await service.hasPermission(id, "joinLeaveGroup", target), false);
  await service.grantPermission(id, "joinLeaveGroup", target);
  assert.equal(await service.hasPermission(id, "joinLeaveGroup", target), true);
  assert.equal((await socket.ask({ type: "joinGroup", group: "g", ackId: 1 })).success, true);
  await service.revokePermission(id, "sendToGroup", target);
  const refused = await socket.ask({ type: "sendToGroup", group: "g", data: 1, ackId: 2 });
  assert.equal(refused.error.name, "Forbidden");
  await assert.rejects(service.grantPermission("missing", "sendToGroup", target), {
    statusCode: 404,
  });
}

async function closes(connectionString, hub) {
  const service = connect(connectionString, hub);
  const ann = await join(service, { userId: "ann" });
  const bob = await join(service, { userId: "bob", groups: ["g"] });
  const eve = await join(service);
  assert.equal(await service.connectionExists(ann.id), true);
  await service.closeConnection(ann.id, { reason: "why" });
  assert.match((await ann.socket.next()).message, /why/);
  assert.equal(await ann.socket.closed, 1000);
  assert.equal(await service.userExists("ann"), false);
  await service.closeUserConnections("bob");
  assert.equal(await bob.socket.closed, 1000);
  await service.closeAllConnections({ reason: "all" });
  assert.equal(await eve.socket.closed, 1000);
  await service.group("g").closeAllConnections();
  await until(async () => !(await service.connectionExists(eve.id)));
}

async function tokens(connectionString, hub) {
  const service = connect(connectionString, hub);
  const options = { userId: "ann", roles: ["webpubsub.sendToGroup.g"], groups: ["g"] };
  const { token, baseUrl } = await service.getClientAccessToken({
    ...options,
    expirationTimeInMinutes: 5,
  });
  const socket = await Socket.open(`${baseUrl}?access_token=${token}`);
  assert.equal((await socket.next()).userId, "ann");
  const message = await socket.ask({ type: "sendToGroup", group: "g", data: "x" });
  assert.deepEqual([message.group, message.fromUserId], ["g", "ann"]);
}

await run({ sends, groups, bulk, permissions, closes, tokens });
