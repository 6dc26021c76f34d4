// Microsoft's JavaScript SDK against the emulator: a second client, written by others than the Python one.
// Runs one scenario by name; a failed assertion is a non-zero exit.
import assert from "node:assert/strict";
import { ServiceBusAdministrationClient, ServiceBusClient } from "@azure/service-bus";

const [connection, name] = process.argv.slice(2);
const client = new ServiceBusClient(connection);
const wait = { maxWaitTimeInMs: 5000 };

async function one(receiver) {
  const [message] = await receiver.receiveMessages(1, wait);
  assert.ok(message, "a message arrives");
  return message;
}

const scenarios = {
  async settles() {
    const sender = client.createSender("js");
    const receiver = client.createReceiver("js");
    await sender.sendMessages([
      { body: "complete", applicationProperties: { a: 1, b: "x", c: true } },
      { body: "abandon" },
      { body: "dead" },
      { body: "defer" },
    ]);
    const first = await one(receiver);
    assert.deepEqual(first.applicationProperties, { a: 1, b: "x", c: true });
    await receiver.completeMessage(first);
    for (const count of [0, 1]) {
      const tried = await one(receiver);
      assert.equal(tried.body, "abandon");
      assert.equal(tried.deliveryCount, count);
      await receiver.abandonMessage(tried);
    }
    await receiver.deadLetterMessage(await one(receiver), {
      deadLetterReason: "why",
      deadLetterErrorDescription: "because",
    });
    const deferred = await one(receiver);
    await receiver.deferMessage(deferred);
    const [again] = await receiver.receiveDeferredMessages(deferred.sequenceNumber);
    await receiver.completeMessage(again);
    const graves = client.createReceiver("js", { subQueueType: "deadLetter" });
    const reasons = [];
    for (let n = 0; n < 2; n += 1) {
      const dead = await one(graves);
      reasons.push([dead.body, dead.deadLetterReason]);
      await graves.completeMessage(dead);
    }
    assert.deepEqual(reasons.sort(), [
      ["abandon", "MaxDeliveryCountExceeded"],
      ["dead", "why"],
    ]);
  },

  async schedules() {
    const sender = client.createSender("js");
    const receiver = client.createReceiver("js", { receiveMode: "receiveAndDelete" });
    const soon = new Date(Date.now() + 1500);
    const [cancelled] = await sender.scheduleMessages({ body: "no" }, new Date(Date.now() + 3.6e6));
    await sender.scheduleMessages({ body: "soon" }, soon);
    await sender.cancelScheduledMessages(cancelled);
    const peeked = await receiver.peekMessages(10);
    assert.deepEqual(peeked.map((each) => each.body), ["soon"]);
    assert.equal((await one(receiver)).body, "soon");
  },

  async sessions() {
    const sender = client.createSender("js-sessions");
    const texts = ["1", "2", "3"];
    await sender.sendMessages(texts.map((body) => ({ body, sessionId: "s" })));
    const receiver = await client.acceptNextSession("js-sessions");
    assert.equal(receiver.sessionId, "s");
    await receiver.setSessionState({ at: 1 });
    assert.deepEqual(await receiver.getSessionState(), { at: 1 });
    await receiver.renewSessionLock();
    for (const text of texts) {
      const message = await one(receiver);
      assert.equal(message.body, text);
      await receiver.completeMessage(message);
    }
    await receiver.close();
  },

  async rules() {
    const rules = client.createRuleManager("js-topic", "js-sub");
    const listed = async () => {
      const names = [];
      for await (const rule of rules.listRules()) names.push(rule.name);
      return names;
    };
    assert.deepEqual(await listed(), ["$Default"]);
    await rules.deleteRule("$Default");
    await rules.createRule("red", { sqlExpression: "color = 'red'" });
    await rules.createRule("hot", { subject: "hot", applicationProperties: { n: 1 } });
    assert.deepEqual((await listed()).sort(), ["hot", "red"]);
    await assert.rejects(rules.createRule("red", { sqlExpression: "1=1" }));
    const sender = client.createSender("js-topic");
    await sender.sendMessages([
      { body: "red", applicationProperties: { color: "red" } },
      { body: "blue", applicationProperties: { color: "blue" } },
      { body: "hot", subject: "hot", applicationProperties: { n: 1 } },
    ]);
    const receiver = client.createReceiver("js-topic", "js-sub", { receiveMode: "receiveAndDelete" });
    const heard = [(await one(receiver)).body, (await one(receiver)).body];
    assert.deepEqual(heard.sort(), ["hot", "red"]);
  },
};

assert.ok(ServiceBusAdministrationClient, "the whole package is there");
await scenarios[name]();
await client.close();
process.exit(0);
