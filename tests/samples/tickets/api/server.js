import { createServer } from "node:http";
import { pool } from "./database.js";
import { ticket } from "./tickets.js";

const routes = {
  "GET /version": async () => [200, { commit: process.env.COMMIT ?? "unknown" }],
  "GET /health": async () => [200, { ok: (await pool.query("SELECT 1 AS one")).rows[0].one === 1 }],
  "GET /tickets": async () => [200, (await pool.query("SELECT id, title, open FROM tickets ORDER BY id")).rows],
  "POST /tickets": async (body) => {
    const wanted = ticket(body);
    if (!wanted) return [422, { detail: "a ticket has a title" }];
    const made = await pool.query("INSERT INTO tickets (title) VALUES ($1) RETURNING id, title, open", [wanted.title]);
    return [201, made.rows[0]];
  },
};

async function read(request) {
  let text = "";
  for await (const part of request) text += part;
  return text ? JSON.parse(text) : null;
}

export const server = createServer(async (request, response) => {
  let [status, answer] = [404, { detail: "not found" }];
  try {
    const route = routes[`${request.method} ${request.url}`];
    if (route) [status, answer] = await route(await read(request));
  } catch (error) {
    [status, answer] = [500, { detail: error.message }];
  }
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
});

if (process.argv[1] === new URL(import.meta.url).pathname) {
  server.listen(8080);
  process.on("SIGTERM", () => process.exit(0));
}
