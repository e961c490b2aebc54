import { connection } from "next/server";
import { Orders } from "./orders";

export default async function Page() {
  await connection(); // the customer and the commit are the container's, not the build's
  const customer = process.env.CUSTOMER ?? "shop";
  const commit = process.env.COMMIT ?? "unknown";
  return (
    <main>
      <header>
        <p className="customer">{customer}</p>
        <h1>Orders</h1>
      </header>
      <Orders />
      <footer>
        version <code data-testid="version">{commit.slice(0, 7)}</code>
      </footer>
    </main>
  );
}
