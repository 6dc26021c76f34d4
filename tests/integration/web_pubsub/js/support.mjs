// What the scripts share: they are called `node script.mjs SCENARIO [ARGUMENT...]`, end with code 0
// when every assertion held, and wait for events, never for a time.

import { once } from "node:events";
import net from "node:net";

import WebSocket from "ws";

export async function run(scenarios) {
  const [name, ...args] = process.argv.slice(2);
  await scenarios[name](...args);
  process.exit(0); // SDK timers and sockets would keep the process
}

// A WebSocket whose messages can be awaited one by one.
export class Socket {
  #inbox = [];
  #waiting = [];

  constructor(url, protocol = "json.webpubsub.azure.v1") {
    this.raw = new WebSocket(url, [protocol]);
    this.closed = new Promise((resolve) => this.raw.once("close", resolve));
    this.raw.on("message", (data) => {
      const next = this.#waiting.shift();
      next ? next(JSON.parse(data)) : this.#inbox.push(JSON.parse(data));
    });
  }

  static async open(url, protocol) {
    const socket = new Socket(url, protocol);
    await once(socket.raw, "open");
    return socket;
  }

  // The status with which a connection is refused before the upgrade.
  static async refused(url) {
    const socket = new Socket(url);
    socket.raw.on("error", () => {});
    const [, answer] = await once(socket.raw, "unexpected-response");
    return answer.statusCode;
  }

  async next() {
    return this.#inbox.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  async ask(frame) {
    this.raw.send(JSON.stringify(frame));
    return this.next();
  }
}

// Calls a function until what it returns is true.
export async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

// A TCP relay to the emulator that can drop all its connections without a goodbye.
export async function relay(endpoint) {
  const target = new URL(endpoint);
  const open = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(Number(target.port), target.hostname);
    for (const [from, to] of [[near, far], [far, near]]) {
      open.add(from);
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
      from.pipe(to);
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    through: (url) => url.replace(`:${target.port}/`, `:${server.address().port}/`),
    cut() {
      for (const socket of open) socket.destroy();
      open.clear();
    },
  };
}
