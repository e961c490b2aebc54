"use client";

import { useCallback, useEffect, useState, type FormEvent } from "react";
import { parse, summary, type Order } from "../lib/orders";

const json = { "Content-Type": "application/json" };

export function Orders() {
  const [orders, setOrders] = useState<Order[] | null>(null);
  const [problem, setProblem] = useState("");

  const load = useCallback(async () => {
    const answer = await fetch("/api/orders");
    if (!answer.ok) return setProblem(`The orders could not be read (${answer.status}).`);
    setProblem("");
    setOrders(await answer.json());
  }, []);

  useEffect(() => {
    void load();
  }, [load]);

  async function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const order = parse(String(new FormData(form).get("order") ?? ""));
    if (!order) return;
    const answer = await fetch("/api/orders", { method: "POST", headers: json, body: JSON.stringify(order) });
    if (!answer.ok) return setProblem(`The order was not added (${answer.status}).`);
    form.reset();
    await load();
  }

  async function tick(order: Order) {
    const body = JSON.stringify({ done: !order.done });
    const answer = await fetch(`/api/orders/${order.id}`, { method: "PATCH", headers: json, body });
    if (!answer.ok) return setProblem(`The order was not changed (${answer.status}).`);
    await load();
  }

  return (
    <>
      <form onSubmit={add}>
        <input name="order" aria-label="New order" placeholder="3 rope" autoComplete="off" />
        <button>Add</button>
      </form>
      {problem && <p role="alert">{problem}</p>}
      {orders && <p className="summary">{summary(orders)}</p>}
      <ul>
        {orders?.map((order) => (
          <li key={order.id}>
            <label className={order.done ? "done" : ""}>
              <input type="checkbox" checked={order.done} onChange={() => tick(order)} />
              <span className="quantity">{order.quantity}</span> {order.item}
            </label>
          </li>
        ))}
      </ul>
    </>
  );
}
