// Shows what was caught. What came in a mail is shown as text, or in the sandboxed frame.
"use strict";

const find = (id) => document.getElementById(id);
const POLL_MS = 1000;
let mails = [];
let chosen = 0;
let view = "html";

function element(name, text, properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...properties });
}

function matches(mail) {
  const wanted = find("search").value.toLowerCase();
  return [mail.subject, ...mail.to].some((each) => each.toLowerCase().includes(wanted));
}

function showList() {
  const items = mails.filter(matches).reverse().map((mail) => {
    const button = element("button", "", { type: "button", onclick: () => choose(mail.id) });
    button.setAttribute("aria-current", String(mail.id === chosen));
    const time = new Date(mail.received_at).toLocaleTimeString();
    button.append(element("b", mail.subject || "(no subject)"), element("span", `${mail.to.join(", ")} · ${time}`));
    const item = element("li", "");
    item.append(button);
    return item;
  });
  find("mails").replaceChildren(...items);
  find("empty").hidden = mails.length > 0;
  find("count").textContent = mails.length ? `(${mails.length})` : "";
}

function showView() {
  for (const name of ["html", "text", "headers"]) find(name).hidden = name !== view;
  for (const tab of document.querySelectorAll("[data-view]")) {
    tab.setAttribute("aria-selected", String(tab.dataset.view === view));
  }
}

async function choose(id) {
  const answer = await fetch(`/api/mails/${id}`);
  if (!answer.ok) return;
  const mail = await answer.json();
  chosen = id;
  find("subject").textContent = mail.subject || "(no subject)";
  const facts = [["To", mail.to.join(", ")], ["From", mail.from], ["Message-ID", mail.message_id]];
  find("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  find("html").src = `/api/mails/${id}/html`;
  find("text").textContent = mail.text;
  find("headers").textContent = mail.headers.map(([name, value]) => `${name}: ${value}`).join("\n");
  find("raw").href = `/api/mails/${id}/raw`;
  find("mail").hidden = false;
  if (view === "html" && !mail.html) view = "text";
  showView();
  showList();
}

async function poll() {
  try {
    const after = mails.length ? mails[mails.length - 1].id : 0;
    const answer = await fetch(`/api/mails?after=${after}`);
    const { items, last_id: last } = await answer.json();
    if (last < after) mails = []; // it was started anew
    if (items.length || last < after) {
      mails.push(...items);
      showList();
    }
  } catch {
    find("count").textContent = "(not reachable)";
  }
  setTimeout(poll, POLL_MS);
}

find("search").addEventListener("input", showList);
find("clear").addEventListener("click", async () => {
  await fetch("/api/mails", { method: "DELETE" });
  mails = [];
  find("mail").hidden = true;
  showList();
});
for (const tab of document.querySelectorAll("[data-view]")) {
  tab.addEventListener("click", () => { view = tab.dataset.view; showView(); });
}
showView();
poll();
