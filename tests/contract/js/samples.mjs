// Runs every sample of every contract through ajv: the contracts are read by more than Python.
// Prints one line of JSON: how many were run, and which were judged otherwise than their names say.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const contracts = process.argv[2];
const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const ajv = new Ajv2020.default({ strict: true, allErrors: true, strictRequired: false });
addFormats.default(ajv);

const wrong = [];
let count = 0;
for (const type of readdirSync(join(contracts, "samples"))) {
  const valid = ajv.compile(read(join(contracts, `${type}.json`)));
  for (const name of readdirSync(join(contracts, "samples", type))) {
    count += 1;
    const taken = valid(read(join(contracts, "samples", type, name)));
    if (taken !== name.startsWith("valid-")) {
      wrong.push({ sample: `${type}/${name}`, errors: valid.errors ?? [] });
    }
  }
}
console.log(JSON.stringify({ count, wrong }));
