// A consumer in another language: reads its queue, checks each event against its contract, prints it as a
// line of JSON, and completes it. What the contract refuses it dead-letters with the reason.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ServiceBusClient } from "@azure/service-bus";
import Ajv2020 from "ajv/dist/2020.js";

const [connection, queue, contracts] = process.argv.slice(2);
const ajv = new Ajv2020.default({ strict: true, strictRequired: false });
const checks = new Map();

function check(type) {
  if (!checks.has(type)) {
    const schema = JSON.parse(readFileSync(join(contracts, `${type}.json`), "utf8"));
    checks.set(type, ajv.compile(schema));
  }
  return checks.get(type);
}

const client = new ServiceBusClient(connection);
const receiver = client.createReceiver(queue);
receiver.subscribe(
  {
    async processMessage(message) {
      const event = message.body; // the SDK reads JSON by itself
      const valid = check(event.type);
      if (!valid(event)) {
        await receiver.deadLetterMessage(message, {
          deadLetterReason: "schema_invalid",
          deadLetterErrorDescription: ajv.errorsText(valid.errors),
        });
        return;
      }
      console.log(JSON.stringify(event));
      await receiver.completeMessage(message);
    },
    async processError({ error }) {
      console.error(error.message);
    },
  },
  { autoCompleteMessages: false },
);
console.error("listening");
process.stdin.on("end", () => client.close().then(() => process.exit(0)));
process.stdin.resume();
