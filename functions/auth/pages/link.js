// What a link of a mail opens where a product has no page of its own. The token stands in the fragment, so
// no server sees it before the button is pressed: programs that open links in mails spend nothing.
const PURPOSES = {
  verify_email: ["Confirm your address", "email/verify-link"],
  confirm_new_email: ["Confirm your new address", "email/change/confirm-link"],
  confirm_email_change: ["Confirm the change of your address", "email/change/confirm-link"],
  reset_password: ["Set a new password", "password/reset"],
  sign_in_link: ["Sign in", "sign-in-link/confirm"],
  workspace_invitation: ["Accept the invitation", "../workspaces/join"],
};
const purpose = location.pathname.split("/").pop();
const [title, route] = PURPOSES[purpose];
const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
const element = (id) => document.getElementById(id);
element("title").textContent = document.title = title;
element("ask").hidden = purpose !== "reset_password";
element("password").required = purpose === "reset_password";

// Who accepts an invitation must be signed in: here by the session in the cookie, if there is one.
async function authorization() {
  if (purpose !== "workspace_invitation") return {};
  const answer = await post("refresh", {}, { "X-Atrium-CSRF": "1" });
  return answer.ok ? { Authorization: `Bearer ${(await answer.json()).access_token}` } : null;
}

function post(to, body, headers) {
  return fetch(`../${to}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const headers = await authorization();
  if (!headers) {
    element("said").textContent = "Sign in first, then open the link again.";
    return;
  }
  const body = { token };
  if (purpose === "reset_password") body.new_password = element("password").value;
  if (purpose === "sign_in_link") body.browser = localStorage.getItem("atrium_browser") ?? "";
  const answer = await post(route, body, headers);
  const said = answer.status === 204 ? {} : await answer.json();
  const done = said.second_factor ? "A second factor is needed, which this page cannot ask for." : "Done.";
  element("said").textContent = answer.ok ? done : said.detail ?? said.title;
});
