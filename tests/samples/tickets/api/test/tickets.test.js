import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pool } from "../database.js";
import { migrate } from "../migrate.js";
import { server } from "../server.js";
import { ticket } from "../tickets.js";

let url;
before(async () => {
  await migrate();
  await new Promise((ready) => server.listen(0, ready));
  url = `http://127.0.0.1:${server.address().port}`;
});
after(async () => {
  server.close();
  await pool.end();
});

test("a ticket needs a title", () => {
  assert.equal(ticket({ title: "  " }), null);
  assert.deepEqual(ticket({ title: " leak " }), { title: "leak" });
});

test("a ticket is made and listed", async () => {
  const made = await fetch(`${url}/tickets`, { method: "POST", body: JSON.stringify({ title: "leak" }) });
  assert.equal(made.status, 201);
  const [first] = await (await fetch(`${url}/tickets`)).json();
  assert.equal(first.title, "leak");
  assert.equal(first.open, true);
});
