// Applies the .sql files that have not run yet, in the order of their names, each in a transaction of its own.
import { readdir, readFile } from "node:fs/promises";
import { pool } from "./database.js";

export async function migrate(folder = new URL("./migrations/", import.meta.url)) {
  const client = await pool.connect();
  try {
    await client.query("CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY)");
    const done = new Set((await client.query("SELECT name FROM schema_migrations")).rows.map((row) => row.name));
    for (const file of (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort()) {
      if (done.has(file)) continue;
      await client.query("BEGIN");
      await client.query(await readFile(new URL(file, folder), "utf8"));
      await client.query("INSERT INTO schema_migrations VALUES ($1)", [file]);
      await client.query("COMMIT");
      console.log(`applied ${file}`);
    }
  } finally {
    client.release();
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  await migrate();
  await pool.end();
}
