export type Order = { id: number; item: string; quantity: number; done: boolean };

/** What stands above the list: how much is left to do. */
export function summary(orders: Order[]): string {
  const open = orders.filter((order) => !order.done).length;
  if (orders.length === 0) return "No orders yet";
  if (open === 0) return "All done";
  return `${open} of ${orders.length} to do`;
}

/** "3 rope" is three of rope, "rope" is one; null when there is no item in it. */
export function parse(text: string): { item: string; quantity: number } | null {
  const match = /^(?:(\d{1,4})\s+)?(\S.*)$/.exec(text.trim());
  if (!match) return null;
  return { item: match[2].slice(0, 200), quantity: Math.max(1, Math.min(1000, Number(match[1] ?? 1))) };
}
