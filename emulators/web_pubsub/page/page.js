// The page of the emulator. What came from clients is only ever put in as text (textContent).
"use strict";

const KEPT_FRAMES = 500;
const REFRESH_MS = 1000;
const byId = (id) => document.getElementById(id);

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function row(...cells) {
  const line = make("tr");
  for (const cell of cells) {
    const data = make("td");
    data.append(cell);
    line.append(data);
  }
  return line;
}

function button(text, act) {
  const element = make("button", "small", text);
  element.type = "button";
  element.addEventListener("click", () => act().then(refresh, refresh));
  return element;
}

function ask(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  return fetch(`/_emulator${path}`, { method, headers, body: body && JSON.stringify(body) });
}

const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
const clockText = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 23);

function showFacts(state) {
  const facts = {
    Endpoint: state.endpoint,
    Key: state.key,
    Clock: `${clockText(state.clock.now).slice(0, 8)} UTC`,
  };
  if (state.clock.advanced) facts.Advanced = `${state.clock.advanced} s`;
  if (state.settings) facts.Settings = `${state.settings.file} (${count(state.settings.reloads, "reload")})`;
  byId("facts").replaceChildren(...Object.entries(facts).map(([name, value]) => {
    const pair = make("div");
    pair.append(make("dt", "", name), make("dd", "", value));
    return pair;
  }));
  const problem = state.settings && state.settings.problem;
  byId("problem").hidden = !problem;
  byId("problem").textContent = problem ? `The settings file is not in force: ${problem}` : "";
}

function clientName(client) {
  const cell = make("div");
  cell.append(make("div", "", client.userId ?? "anonymous"), make("div", "id", client.connectionId));
  return cell;
}

function clientState(client) {
  if (client.state === "attached") return make("span", "", "attached");
  return make("span", "chip warn", client.recoverable ? "detached" : "gone");
}

function groupChips(groups, total) {
  const chips = make("div", "chips");
  chips.append(...groups.map((name) => make("span", "chip", name)));
  if (total > groups.length) chips.append(make("span", "soft", `and ${total - groups.length} more`));
  return chips;
}

function clientButtons(hub, client) {
  const target = { hub: hub.name, connection: client.connectionId };
  const buttons = make("div", "buttons");
  if (client.state === "attached") buttons.append(button("Cut", () => ask("POST", "/cut", target)));
  buttons.append(button("Close", () => ask("POST", "/close", target)));
  return buttons;
}

function clientTable(hub) {
  const scroll = make("div", "scroll");
  const table = make("table");
  const head = make("tr");
  head.append(...["Client", "Protocol", "State", "Buffer", "Groups", ""].map((name) => make("th", "", name)));
  const body = make("tbody");
  for (const client of hub.connections) {
    const buffer = make("span", "tight", client.buffered === null ? "–" : `${client.buffered} of ${client.lastSequenceId}`);
    const protocol = client.protocol.replace(".webpubsub.azure.v1", "");
    body.append(row(clientName(client), protocol, clientState(client), buffer,
      groupChips(client.groups, client.groupCount), clientButtons(hub, client)));
  }
  const top = make("thead");
  top.append(head);
  table.append(top, body);
  scroll.append(table);
  return scroll;
}

function hubCard(hub) {
  const card = make("div", "card");
  const title = make("div", "title");
  title.append(make("strong", "", hub.name),
    make("span", "soft", count(hub.connectionCount, "connection")),
    make("span", "soft", count(hub.userCount, "user")),
    make("span", "soft", count(hub.groupCount, "group")),
    make("span", "soft", hub.eventHandlers ? count(hub.eventHandlers, "event handler") : "no event handler"));
  card.append(title);
  if (hub.groups.length) {
    const chips = make("div", "chips pad");
    for (const group of hub.groups.slice(0, 40)) {
      const chip = make("span", "chip", group.name);
      chip.title = group.name;
      chip.append(make("b", "", group.connections));
      chips.append(chip);
    }
    card.append(chips);
  }
  if (hub.connections.length) card.append(clientTable(hub));
  if (hub.connectionCount > hub.connections.length) {
    card.append(make("div", "pad soft", `The first ${hub.connections.length} of ${hub.connectionCount} are shown.`));
  }
  return card;
}

function faultCard(fault) {
  const card = make("div", `card pad fault${fault.state === "ended" ? " over" : ""}`);
  const whom = ["group", "user", "connection"].filter((name) => fault[name])
    .map((name) => `${name} ${fault[name]}`).join(", ");
  const how = [];
  if (fault.frames) how.push(fault.frames.join(", "));
  if (fault.delay) how.push(`by ${fault.delay} s`);
  if (fault.status) how.push(`status ${fault.status}`);
  if (fault.probability < 1) how.push(`probability ${fault.probability}, seed ${fault.seed}`);
  if (fault.left) how.push(`${fault.left} left`);
  if (fault.duration) how.push(`for ${fault.duration} s`);
  const name = make("div");
  name.append(make("span", "chip bad", fault.kind), ` ${fault.id} on ${fault.hub}${whom ? `, ${whom}` : ""}`);
  const end = fault.state === "active"
    ? button("Clear", () => ask("DELETE", `/faults/${encodeURIComponent(fault.id)}`))
    : make("span", "soft", "ended");
  card.append(name, end, make("div", "soft", `${how.join(" · ")}${how.length ? " · " : ""}struck ${fault.struck}×`));
  return card;
}

let shown = "";

async function refresh() {
  try {
    const answer = await fetch("/_emulator/status");
    if (!answer.ok) throw new Error(answer.statusText);
    const state = await answer.json();
    showFacts(state);
    const text = JSON.stringify([state.hubs, state.faults, state.ended]);
    if (text !== shown) {  // what has not changed keeps its scroll position and selection
      shown = text;
      byId("hubs").replaceChildren(...state.hubs.map(hubCard));
      byId("faults").replaceChildren(...state.faults.map(faultCard), ...state.ended.reverse().map(faultCard));
      byId("no-hubs").hidden = state.hubs.length > 0;
      byId("no-faults").hidden = state.faults.length + state.ended.length > 0;
    }
    setAlive(true);
  } catch {
    setAlive(false);
  }
}

function setAlive(alive) {
  byId("alive").classList.toggle("on", alive);
  byId("alive").setAttribute("aria-label", alive ? "connected" : "not connected");
}

function matches(line) {
  return line.textContent.toLowerCase().includes(byId("filter").value.trim().toLowerCase());
}

function frameRow(entry) {
  const way = make("span", entry.direction, entry.direction === "in" ? "← from" : "→ to");
  const kind = make("div", "chips");
  kind.append(make("span", "", entry.kind), ...entry.faults.map((fault) => make("span", "chip bad", fault)));
  const client = make("span", "", entry.userId ?? entry.connectionId.slice(0, 10));
  client.title = entry.connectionId;
  return row(clockText(entry.at), way, entry.hub, client, kind, entry.payload);
}

let waiting = [];

function show(line) {
  waiting.push(line);
  if (waiting.length === 1) requestAnimationFrame(flush);
}

function flush() {
  const lines = waiting.slice(-KEPT_FRAMES).reverse();
  waiting = [];
  for (const line of lines) line.hidden = !matches(line);
  const body = byId("trace");
  body.prepend(...lines);
  while (body.rows.length > KEPT_FRAMES) body.deleteRow(-1);
  byId("no-frames").hidden = true;
}

let stream = null;
let timer = null;

function watch() {
  const wanted = !document.hidden && byId("pause").getAttribute("aria-pressed") === "false";
  if (wanted && !stream) {
    stream = new EventSource("/_emulator/trace");
    stream.addEventListener("message", (event) => show(frameRow(JSON.parse(event.data))));
    stream.addEventListener("lost", (event) => show(row("", "", "", "", "", `${event.data} frames were not shown`)));
  } else if (!wanted && stream) {
    stream.close();
    stream = null;
  }
  clearInterval(timer);
  if (!document.hidden) {
    timer = setInterval(refresh, REFRESH_MS);
    refresh();
  }
}

byId("pause").addEventListener("click", (event) => {
  const paused = event.target.getAttribute("aria-pressed") === "false";
  event.target.setAttribute("aria-pressed", String(paused));
  watch();
});
byId("wipe").addEventListener("click", () => {
  byId("trace").replaceChildren();
  byId("no-frames").hidden = false;
});
byId("filter").addEventListener("input", () => {
  for (const line of byId("trace").rows) line.hidden = !matches(line);
});
document.addEventListener("visibilitychange", watch);
watch();
