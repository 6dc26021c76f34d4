// A producer in another language: sends one event, given as JSON on standard input, to the topic `events`.
// The contract is all that it shares with Atrium.
import { readFileSync } from "node:fs";
import { ServiceBusClient } from "@azure/service-bus";

const [connection] = process.argv.slice(2);
const event = JSON.parse(readFileSync(0, "utf8"));

const client = new ServiceBusClient(connection);
const sender = client.createSender("events");
await sender.sendMessages({
  body: Buffer.from(JSON.stringify(event)),
  contentType: "application/cloudevents+json",
  messageId: `${event.id}:1`,
  correlationId: event.correlationid ?? event.id,
  sessionId: `${event.data.room_id}/${event.data.author_id}`,
  applicationProperties: { type: event.type, access: event.access, attempt: 1 },
});
await client.close();
