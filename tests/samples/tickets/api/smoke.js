// What this release needs of a database: a ticket can be written and read. With "keep" it stays.
import { pool } from "./database.js";

const { id } = (await pool.query("INSERT INTO tickets (title) VALUES ('smoke') RETURNING id")).rows[0];
const { rows } = await pool.query("SELECT title FROM tickets WHERE id = $1", [id]);
if (rows[0]?.title !== "smoke") throw new Error(`read ${JSON.stringify(rows)}`);
if (process.argv[2] !== "keep") await pool.query("DELETE FROM tickets WHERE id = $1", [id]);
await pool.end();
